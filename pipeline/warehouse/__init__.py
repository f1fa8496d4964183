"""An SQL file becomes a model, a model becomes a checked Parquet file."""
