"""Forecasting: carbon dioxide in the air of Mauna Loa, a year ahead. pip install statsmodels"""

from installed import QUICK, installed

import seqmem

installed("statsmodels", "statsmodels")
from statsmodels.datasets import co2  # noqa: E402

series = co2.load_pandas().data.co2.resample("MS").mean().interpolate().to_numpy()  # 526 months
length, horizon, season = 24, 12, 12
training, validation = series[:-120], series[-180 - length - season : -60]
test = series[-60 - length - season :]

task = seqmem.Forecaster.build(training, length=length, horizon=horizon, season=season, hidden_size=16, rng=0)
task.fit(training, validation=validation, epochs=2 if QUICK else 60, learning_rate=2e-3, rng=0)
print(task.evaluate(test))  # in parts per million, with the error of repeating the last year
print(task.predict(series)[0][:, 0].round(1))
