# syntax=docker/dockerfile:1
# Serves a bundle's runtime and nothing else: onnxruntime, tokenizers, numpy. No torch. For amd64 and arm64.
#   docker build -f docker/runtime.Dockerfile -t compactor-runtime .
#   docker run --rm --network none --read-only -v "$PWD/runs/quickstart/bundle:/bundle:ro" compactor-runtime
# An app starts from it: FROM compactor-runtime, its files, its command; `compactor.load("/bundle")` is there.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY compactor compactor
RUN python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE} AS packages
COPY requirements/lock.txt docker/runtime.txt /tmp/
COPY --from=wheel /wheels /wheels
# Without dependencies: tokenizers would bring along the client of a hub, some 40 MB that a loaded bundle never imports.
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-deps -c /tmp/lock.txt -r /tmp/runtime.txt /wheels/*.whl

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="compactor runtime" \
      org.opencontainers.image.description="Loads a bundle of compactor: onnxruntime, tokenizers, numpy" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp PATH=/venv/bin:$PATH
COPY --from=packages /venv /venv
USER 10001:10001
# Loads the bundle and answers its golden inputs: a second copy of the model in memory for as long as it takes, hence so rarely.
HEALTHCHECK --interval=5m --timeout=60s --start-period=30s --retries=2 CMD ["compactor", "verify", "/bundle"]
ENTRYPOINT ["compactor"]
CMD ["verify", "/bundle"]
