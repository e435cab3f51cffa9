# The training container of the platform as an image: folders, programs and modules where job
# scripts expect them. See docs/job.md.
#
#   docker build -t caffe-mnist-job .
#   docker run --rm -v "$PWD/codes:/code/codes:ro" -v "$PWD/store:/store" caffe-mnist-job \
#       --store /store /code/codes/train.py --data_url=s3://bucket/mnist/ --train_url=s3://bucket/out/

FROM python:3.11-slim-bookworm

WORKDIR /opt/caffe-mnist
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY caffe_mnist ./caffe_mnist
RUN pip install --no-cache-dir --constraint constraints.txt ".[engine,images,curves]"

# What jobs write belongs to the user that they run as.
RUN useradd --uid 1000 --home-dir /home/work --no-create-home work \
    && mkdir -p /home/work /home/ma-user /cache \
    && chown work:work /home/work /home/ma-user /cache
USER work
WORKDIR /home/work
RUN python -m caffe_mnist.job --caffe embedded --root / --lay-out

# For scripts that are started without the job command.
ENV PYTHONPATH=/home/work/caffe/python \
    DLS_LOCAL_CACHE_PATH=/cache \
    MA_HOME=/home/ma-user \
    MA_JOB_DIR=/home/ma-user/modelarts/user-job-dir
WORKDIR /home/work/user-job-dir

ENTRYPOINT ["python", "-m", "caffe_mnist.job", "--caffe", "embedded", "--root", "/"]
CMD ["--help"]
