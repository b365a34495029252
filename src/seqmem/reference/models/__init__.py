"""The models of one sequence: a language model, a tagger, a classifier, a regressor."""
