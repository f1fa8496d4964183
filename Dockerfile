# Web server, daemon and workers (compose.yaml). Not built where it was written: Docker does not run there.
FROM python:3.11.11-slim-bookworm AS built
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
# From requirements-cluster.lock, by its hashes.
RUN make .venv/.installed-cluster

FROM python:3.11.11-slim-bookworm
RUN useradd --uid 10001 --create-home monitor && install -d -o monitor /data /data/dagster
COPY --from=built /app /app
WORKDIR /app
USER 10001
ENV PATH=/app/.venv/bin:$PATH \
    DAGSTER_HOME=/app/deploy \
    MISSIEMONITOR_DATA=/data \
    MISSIEMONITOR_INSTANCE=/data/dagster
VOLUME /data
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/server_info', timeout=5)"]
CMD ["dagster-webserver", "-m", "assets.celery_definitions", "-h", "0.0.0.0", "-p", "3000"]
