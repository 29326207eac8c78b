# syntax=docker/dockerfile:1
# Everything that makes a bundle, on an x86-64 processor.
#   docker build -f docker/laptop-cpu.Dockerfile -t compactor:laptop-cpu .
#   docker run --rm -v "$PWD:/work" --user "$(id -u)" compactor:laptop-cpu run profiles/quickstart.yaml
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# PyPI's torch for x86-64 brings CUDA along, some gigabytes; this index has the one for processors.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY requirements requirements
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir -c requirements/lock.txt --extra-index-url "${TORCH_INDEX}" "torch==2.13.0+cpu"
COPY pyproject.toml README.md LICENSE ./
COPY compactor compactor
RUN /venv/bin/pip install --no-cache-dir -c requirements/lock.txt ".[toolchain]"

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="compactor toolchain, x86-64 processor" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 HOME=/tmp PATH=/venv/bin:$PATH
COPY --from=build /venv /venv
WORKDIR /work
USER 10001:10001
HEALTHCHECK --interval=5m --timeout=60s CMD ["compactor", "doctor"]
ENTRYPOINT ["compactor"]
CMD ["--help"]
