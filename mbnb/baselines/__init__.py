"""What a network must beat; all have `fit(clips)` and `answer(clips)`.

Imports people and what stands before it.
"""
import numpy as np

from mbnb.baselines import classic


class _B:
    def __init__(self, clips, skeleton, classes): self.a = (clips, skeleton, classes)
    @classmethod
    def fit(cls, clips, skeleton, classes, seed=0, fps=30.0): return cls(clips, skeleton, classes)
    def answer(self, clips): return self.f(self.a[0], clips, *self.a[1:])


class Largest(_B):
    f = staticmethod(classic.largest)


class Nearest(_B):
    f = staticmethod(classic.nearest)


class Linear(_B):
    def __init__(self, clips, skeleton, classes):
        super().__init__(clips, skeleton, classes)
        from sklearn.decomposition import PCA
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        x = self.features(clips)[0]
        self.m = make_pipeline(StandardScaler(), PCA(min(120, len(x) // 2), random_state=0), LogisticRegression(C=0.03, max_iter=1000)).fit(x, clips.labels)
    def features(self, clips): return np.stack([classic.features(c, self.a[1]) for c in clips])[None]
    def classify(self, f):
        p = np.zeros((f.shape[1], self.a[2])); p[:, self.m.classes_] = self.m.predict_proba(f[0]); return p
    def answer(self, clips): return self.classify(self.features(clips))


METHODS = {"largest": Largest, "linear": Linear, "nearest": Nearest}
