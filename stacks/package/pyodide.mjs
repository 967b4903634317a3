// Runs a Python file in Pyodide's CPython, which sees two folders of the host as /job and /wheels.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyodide, job, wheels, file, ...args] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`));
// A fixed hash seed, home and language: none of the host's environment reaches the bytes.
const python = await loadPyodide({ args, env: { PYTHONHASHSEED: "0", HOME: "/", LANG: "C.UTF-8" } });
python.mountNodeFS("/job", job);
python.mountNodeFS("/wheels", wheels);
try {
  python.runPython(readFileSync(file, "utf8"));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
