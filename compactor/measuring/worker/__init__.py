"""The process that runs one model and times it: standard library + numpy + onnxruntime, packed into one file that is copied to a board.

Talks in lines of JSON: the first line on stdin is the job, then one command a line; each is answered by one line on stdout. The
parent decides when to run, so that several workers take turns; between commands this process sleeps in a read. Every counter
that a machine does not have is null. Needs Python 3.10 or newer.

    job      {"model": path, "provider": name, "threads": n, "spinning": bool, "affinity": [cores], "auto" or null,
              "arena": bool, "graph_level": "all" | "extended" | "basic" | "disabled", "provider_options": {name: text},
              "allow_cpu_fallback": bool, "io_binding": bool, "cuda_graphs": bool}          all but the first two may be absent
             -> {"kind": "ready", "inputs": [{name, type, shape}], "outputs": [...], "import_ms", "load_ms", "providers",
                 "assignment": {provider: {operator: nodes}} or null, "cores": [...] or null, "versions", "memory_bytes"}
    feeds    {"do": "feeds", "path": file.npz}   arrays are named "cell|index|input"
    texts    {"do": "texts", "cell": name, "path": file.json, "tokenizer": file, "max_length": n or null}   a cell that tokenizes too
    first    {"do": "first", "cell": name}       the first answer of this session, in milliseconds
    warm     {"do": "warm", "cell": name, "seconds": cap}    runs until two windows agree within 5 %
    burst    {"do": "burst", "cell": name, "feeds": [index], "discard": n}   nanoseconds of each run, and what changed meanwhile
    flood    {"do": "flood", "cell": name, "seconds": s, "at_ns": start}     runs without a pause; when each ended, and the energy
    mix      {"do": "mix", "cell": name, "runs": n}          resident memory before and after runs of changing shapes
    answers  {"do": "answers", "cell": name}     the outputs for each input, bit for bit
    look     {"do": "look"}                      memory, and the machine's counters
             -> {"kind": what was done, ...} or {"kind": "error", "reason": "provider|fallback|load|run|unsupported", "message"}
"""
