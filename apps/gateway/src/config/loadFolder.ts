/**
 * Reads a folder of Istio YAML.
 *
 * Every `*.yaml` and `*.yml` below the folder is read, in the order of their paths. What starts with a dot is left
 * alone: that is where editors keep their copies, and where Kubernetes keeps the generations of a mounted ConfigMap,
 * whose current files are linked from the folder itself.
 */
import { Effect, FileSystem, Path, Result } from "effect"
import { ConfigError, type Finding } from "./Finding.ts"
import { type LoadedConfig, type LoadOptions, loadFiles } from "./loadFiles.ts"

export const loadFolder: (
  folder: string,
  options?: LoadOptions
) => Effect.Effect<LoadedConfig, ConfigError, FileSystem.FileSystem | Path.Path> = Effect.fnUntraced(
  function* (folder, options) {
    const fileSystem = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const entries = yield* fileSystem.readDirectory(folder, { recursive: true }).pipe(
      Effect.mapError(({ message, reason }) => {
        const why = reason._tag === "NotFound" ? "there is no such folder" : message
        return new ConfigError({ findings: [unreadable(folder, why)] })
      })
    )
    const names = entries
      .map((entry) => entry.split(path.sep).join("/"))
      .filter((name) => /\.ya?ml$/.test(name) && !name.split("/").some((part) => part.startsWith(".")))
      .sort()
    if (names.length === 0) {
      const message = "there is no *.yaml or *.yml file in this folder or below it"
      return yield* new ConfigError({ findings: [unreadable(folder, message)] })
    }
    const texts = yield* Effect.forEach(
      names,
      (name) => Effect.result(fileSystem.readFileString(path.join(folder, name))),
      { concurrency: 8 }
    )
    const files = texts.flatMap((text, index) =>
      Result.isSuccess(text) ? [{ path: names[index] ?? "", text: text.success }] : []
    )
    const failures = texts.flatMap((text, index) =>
      Result.isFailure(text) ? [unreadable(names[index] ?? "", text.failure.message)] : []
    )
    const loaded = loadFiles(files, options)
    if (failures.length === 0) {
      const { model, warnings } = yield* Effect.fromResult(loaded)
      return { model, warnings: model.virtualHosts.length === 0 ? [...warnings, unrouted(folder)] : warnings }
    }
    const others = Result.isFailure(loaded) ? loaded.failure.findings : []
    return yield* new ConfigError({ findings: [...failures, ...others] })
  }
)

/** In a mesh a host without rules is reached as it is; a gateway passes on what it was told to and nothing else. */
const unrouted = (folder: string): Finding => ({
  reason: "NoEffect",
  weight: "warning",
  place: { file: folder },
  path: [],
  message:
    "there is no VirtualService, so every request will be answered 404; one says which hosts are served, and where"
})

const unreadable = (file: string, message: string): Finding => ({
  reason: "Unreadable",
  weight: "error",
  place: { file },
  path: [],
  message
})
