# syntax=docker/dockerfile:1
# Serves a bundle's runtime and nothing else: onnxruntime, tokenizers, numpy. No torch.
#   docker build -f docker/runtime.Dockerfile -t compactor-runtime .
#   docker run --rm -v "$PWD/runs/quickstart/bundle:/bundle:ro" compactor-runtime verify /bundle
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY requirements requirements
COPY compactor compactor
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -c requirements/lock.txt .

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="compactor runtime" org.opencontainers.image.licenses="Apache-2.0"
ENV ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PATH=/venv/bin:$PATH
COPY --from=build /venv /venv
USER 10001:10001
HEALTHCHECK --interval=30s --timeout=10s CMD ["compactor", "--version"]
ENTRYPOINT ["compactor"]
CMD ["--help"]
