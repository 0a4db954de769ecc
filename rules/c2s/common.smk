"""C2S-Scale: what its rules share."""

C2S = config["c2s"]
C2S_MODELS = {name: model for name, model in C2S["base"]["sizes"].items() if model}
C2S_SIZES = list(C2S_MODELS)
C2S_PRIORS = ["none", "cpdb", "biogrid", "both"]
C2S_TRAINED = C2S["base"]["source"] == "procedural"
# models trained here have seeds; released ones are there once
C2S_PRETRAINED = "<results>/c2s/models/pretrain/{size}-s{seed}" if C2S_TRAINED else "<results>/c2s/models/base/{size}"
C2S_PRETRAINED_SEEDS = C2S["seeds"] if C2S_TRAINED else C2S["seeds"][:1]
C2S_CORPORA = [
    "<results>/c2s/data/corpus.reference.parquet",
    "<results>/c2s/data/corpus.cytokine.parquet",
    *(f"<results>/c2s/data/corpus.spatial-{prior}.parquet" for prior in C2S_PRIORS),
    "<results>/c2s/data/corpus.drugs.parquet",
]
C2S_SIMULATED = [name for name in ("cytokine", "spatial", "drugs") if C2S[name]["source"] == "procedural"]
C2S_REAL = [name for name in ("cytokine", "spatial", "drugs") if name not in C2S_SIMULATED]
# fresh cells of the simulator: there are none beside real data
C2S_ORACLE = ["<results>/c2s/data/oracle.h5ad"] if "cytokine" in C2S_SIMULATED else []


def c2s_base(section):
    """The pretrained model of each `{seed}` whose size that section of the configuration names."""
    size = C2S[section]["size"]
    if size not in C2S_MODELS:
        refuse(InputError(f"c2s.{section}.size", f"is {size!r}", f"one of {', '.join(C2S_SIZES)}"))
    return C2S_PRETRAINED.replace("{size}", size)


C2S_BASE = c2s_base("base").format(seed=C2S["seeds"][0])


def c2s_is_fetched(dataset):
    """Whether a data set comes from outside: neither simulated, nor the user's file, nor inside scanpy."""
    source, name = C2S[dataset]["source"], C2S[dataset].get("dataset")
    return source in ("url", "hub") or (source == "package" and name != "pbmc68k_reduced")


def c2s_file(dataset):
    """Where a real data set lies: the user's file, or the one fetched; nothing for what is in scanpy."""
    if c2s_is_fetched(dataset):
        return f"<results>/c2s/sources/{dataset}.h5ad"
    return C2S[dataset]["path"] if C2S[dataset]["source"] == "path" else []


def c2s_reading(dataset):
    """Flags of `raw2fig c2s reference` that say how the file of a data set is to be read, less the file itself."""
    section = C2S[dataset]
    # the checksum of a file that was fetched is checked where it is fetched
    checked = {"sha256"} if section["source"] == "path" else set()
    keys = {"cell_type_col", "gene_col", "layer", "labels", "radius"} | checked
    return " ".join(option(key.replace("_", "-"), value) for key, value in section.items() if key in keys and value)


# what comes from outside, for the table of the run
C2S_FETCHED = [
    *(f"<results>/c2s/sources/{name}.json" for name in ("reference", *C2S_REAL) if c2s_is_fetched(name)),
    *([] if C2S_TRAINED else expand("<results>/c2s/models/base/{size}", size=C2S_SIZES)),
]
