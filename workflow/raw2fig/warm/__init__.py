"""A warm start for steps: one process imports the large libraries, and every step is a fork of it.

Importing PyTorch and transformers costs 5 s of CPU and pandas 1 s, in each of a run's hundreds of jobs. The Snakefile,
or `raw2fig.stages` for several invocations of it, starts a server for the length of a run (`raw2fig.warm.server`).
`raw2fig`, called by a job, finds it, hands over its words, environment, folder and standard streams, and ends as the
step ends (`raw2fig.warm.client`). Libraries only are imported ahead: the package's own modules are read by each step,
so a change of them is seen as ever. A step whose thread count is not the server's, or that finds no server, runs in its
own process, with the same result to the byte.

Which libraries they are is named where they are needed, by the constant `WARM` of a package's `__init__.py`.

Linux only, and only without a GPU: forking is safe while no thread runs and no driver has been spoken to.
"""
