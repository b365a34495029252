"""Further losses: weighted and smoothed cross-entropy, and regression errors."""
