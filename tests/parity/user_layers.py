"""Layers as a user writes them; they run under real pycaffe and under the engine."""

import json

import numpy as np

try:
    from caffe import Layer
except ImportError:
    from caffe_mnist.engine.user_layer import UserLayer as Layer


class Squares(Layer):
    """y = k x², with k from param_str."""

    def setup(self, bottom, top):
        """Read k."""
        self.k = json.loads(self.param_str)["k"] if self.param_str else 1.0

    def reshape(self, bottom, top):
        """Tops are as large as the bottoms."""
        for i in range(len(bottom)):
            top[i].reshape(*bottom[i].data.shape)

    def forward(self, bottom, top):
        """Square each bottom."""
        for i in range(len(bottom)):
            top[i].data[...] = self.k * bottom[i].data ** 2

    def backward(self, top, propagate_down, bottom):
        """2 k x dy."""
        for i in range(len(bottom)):
            if propagate_down[i]:
                bottom[i].diff[...] = 2 * self.k * bottom[i].data * top[i].diff


class Rows(Layer):
    """y = w x + b with a weight for each column, which it learns."""

    def setup(self, bottom, top):
        """Two parameters."""
        self.blobs.add_blob(bottom[0].count // bottom[0].num)
        self.blobs.add_blob(1)
        self.blobs[0].data[...] = 1

    def reshape(self, bottom, top):
        """N rows."""
        top[0].reshape(bottom[0].num, bottom[0].channels * bottom[0].height * bottom[0].width)

    def forward(self, bottom, top):
        """Weigh and add."""
        rows = bottom[0].data.reshape(bottom[0].num, -1)
        top[0].data[:] = rows * self.blobs[0].data + self.blobs[1].data

    def backward(self, top, propagate_down, bottom):
        """Gradients of both parameters are added."""
        rows = bottom[0].data.reshape(bottom[0].num, -1)
        self.blobs[0].diff[...] += (rows * top[0].diff).sum(0)
        self.blobs[1].diff[...] += top[0].diff.sum()
        if propagate_down[0]:
            bottom[0].diff.flat = (top[0].diff * self.blobs[0].data).ravel()


class Distance(Layer):
    """A loss: half the mean squared distance."""

    def setup(self, bottom, top):
        """Two bottoms."""
        if len(bottom) != 2:
            raise ValueError("needs two bottoms")

    def reshape(self, bottom, top):
        """One number."""
        self.difference = np.zeros_like(bottom[0].data)
        top[0].reshape(1)

    def forward(self, bottom, top):
        """The distance."""
        self.difference[...] = bottom[0].data - bottom[1].data
        top[0].data[...] = np.sum(self.difference**2) / bottom[0].num / 2.0

    def backward(self, top, propagate_down, bottom):
        """To both sides, weighted by the loss weight."""
        for i, sign in enumerate((1, -1)):
            if propagate_down[i]:
                bottom[i].diff[...] = sign * self.difference / bottom[i].num * top[0].diff.flat[0]


class Counter(Layer):
    """Data without bottoms: of another shape in every pass."""

    def setup(self, bottom, top):
        """Begin at the phase."""
        self.turn = 10 * self.phase

    def reshape(self, bottom, top):
        """A row more each time."""
        top[0].reshape(2 + self.turn % 3, 4)
        top[1].reshape(1)

    def forward(self, bottom, top):
        """Count."""
        top[0].data[...] = np.arange(top[0].count).reshape(top[0].data.shape) + self.turn
        top[1].data[0] = self.turn
        self.turn += 1

    def backward(self, top, propagate_down, bottom):
        """Nothing below."""
