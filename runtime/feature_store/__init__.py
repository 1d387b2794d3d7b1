"""The job that fills a Feast feature store. It runs in the author's own image, from files in a ConfigMap, so it imports
nothing but the standard library and what Feast itself needs: NumPy, pyarrow, and pandas.
"""
