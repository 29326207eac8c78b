# syntax=docker/dockerfile:1
# Everything that makes a bundle, on an NVIDIA GPU: torch with CUDA, and onnxruntime-gpu in the place of onnxruntime.
#   docker build -f docker/server-gpu.Dockerfile -t compactor:server-gpu .
#   docker run --rm --gpus all -v "$PWD:/work" --user "$(id -u)" compactor:server-gpu run profiles/server-gpu.yaml
# onnxruntime-gpu 1.31 is built for CUDA 13; it needs a driver of that generation on the host, and a GPU from Turing (T4) on.
ARG CUDA_IMAGE=nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04

FROM ${CUDA_IMAGE} AS python
# Ubuntu keeps only the newest build of a package in its archive, so its packages are pinned by the image's release alone.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

FROM python AS build
ARG ONNXRUNTIME_GPU=1.31.1
WORKDIR /src
COPY requirements requirements
RUN python3 -m venv /venv && /venv/bin/pip install --no-cache-dir -c requirements/lock.txt "torch==2.13.0"
COPY pyproject.toml README.md LICENSE ./
COPY compactor compactor
# Both packages own the folder `onnxruntime`: the one for processors goes before the other comes.
RUN /venv/bin/pip install --no-cache-dir -c requirements/lock.txt ".[toolchain]" \
    && /venv/bin/pip uninstall -y onnxruntime \
    && /venv/bin/pip install --no-cache-dir --no-deps "onnxruntime-gpu==${ONNXRUNTIME_GPU}"

FROM python
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="compactor toolchain, NVIDIA GPU" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV ORT_DISABLE_TELEMETRY=1 PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 HOME=/tmp PATH=/venv/bin:$PATH
COPY --from=build /venv /venv
WORKDIR /work
USER 10001:10001
HEALTHCHECK --interval=5m --timeout=60s CMD ["compactor", "doctor"]
ENTRYPOINT ["compactor"]
CMD ["--help"]
