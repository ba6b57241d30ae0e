# One image for every service. RESEARCH USE ONLY.
#   docker build -t metseg:cpu .
#   docker build -t metseg:cuda --build-arg ACCELERATOR=cuda .

# --- dependencies: exactly uv.lock. Changes with the lock file alone, never with the code. ---
FROM python:3.11-slim-bookworm AS dependencies
ARG ACCELERATOR=cpu
ENV UV_PYTHON=/usr/local/bin/python3 \
    UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/metseg \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore uv==0.13.9
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN case "$ACCELERATOR" in \
      cpu) extra="--extra openvino" ;; \
      cuda) extra="--extra cuda" ;; \
      *) echo "ACCELERATOR must be cpu or cuda, got $ACCELERATOR" >&2; exit 64 ;; \
    esac \
    && uv sync --frozen --no-dev --no-install-project --no-cache $extra \
    # Headers and the C compiler's parser: only for building TensorFlow extensions, 490 MB.
    && rm -rf /opt/metseg/lib/python3.11/site-packages/tensorflow/include \
              /opt/metseg/lib/python3.11/site-packages/clang

# --- project: our own files alone, gathered under /project, so that a change of code ships one small layer. ---
FROM dependencies AS project
ARG ACCELERATOR=cpu
COPY . .
RUN touch /before \
    && if [ "$ACCELERATOR" = cuda ]; then extra="--extra cuda"; else extra="--extra openvino"; fi \
    && uv sync --frozen --no-dev --no-editable --no-cache $extra \
    && mkdir /project \
    && find /opt/metseg ! -type d -cnewer /before -print0 \
       | tar --create --null --files-from - | tar --extract --directory /project \
    && test -x /project/opt/metseg/bin/metseg

# --- the image ---
FROM python:3.11-slim-bookworm
ARG ACCELERATOR=cpu
LABEL org.opencontainers.image.title="metseg" \
      org.opencontainers.image.description="Batch daemon that finds brain metastases in contrast-enhanced T1 MRI. RESEARCH USE ONLY - NOT FOR DIAGNOSIS." \
      org.opencontainers.image.licenses="Apache-2.0" \
      metseg.accelerator="$ACCELERATOR" \
      metseg.intended-use="RESEARCH USE ONLY - NOT FOR DIAGNOSIS"
# Fixed numbers: volumes and bind mounts keep their owner from one release to the next.
RUN groupadd --gid 10001 metseg \
    && useradd --uid 10001 --gid metseg --no-create-home --home-dir /var/lib/metseg --shell /usr/sbin/nologin metseg \
    && install -d -o metseg -g metseg -m 0750 /var/lib/metseg \
    && install -d -o metseg -g metseg -m 0755 /inbox
COPY --from=dependencies /opt/metseg /opt/metseg
COPY --from=project /project /
# The root file system may be read-only: byte code is compiled already, Keras keeps its settings under /tmp.
ENV PATH=/opt/metseg/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    KERAS_BACKEND=tensorflow \
    KERAS_HOME=/tmp/keras \
    TF_CPP_MIN_LOG_LEVEL=3 \
    METSEG_HOME=/var/lib/metseg \
    METSEG_LOG_FORMAT=json
USER 10001:10001
ENTRYPOINT ["metseg"]
CMD ["--help"]
