/**
 * Runs a benchmark: `npm run bench -- NAME [--runtime node|bun|deno|all] [option ...]` runs bench/NAME.ts on Node 24, or
 * on the runtimes named, separated by commas. The other options, such as `--quick`, go to the benchmark; so does
 * `--json FILE`, where several runtimes each get a FILE with their name before its ending.
 *
 * Without a name it lists what there is. The exit status is that of the last benchmark that failed.
 */
import { spawnSync } from "node:child_process"
import { readdirSync } from "node:fs"
import { basename, extname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const directory = join(root, "bench")

/** How each runtime runs a TypeScript file. */
const runners: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["node", ["node"]],
  ["bun", ["bun", "run"]],
  ["deno", ["deno", "run", "--allow-all"]]
])

function giveUp(message: string): never {
  console.error(message)
  process.exit(2)
}

/** `results.json` for one runtime, `results.bun.json` for one of several. */
function pathFor(path: string, runtime: string, runtimeCount: number): string {
  const ending = extname(path)
  return runtimeCount === 1 ? path : `${path.slice(0, path.length - ending.length)}.${runtime}${ending}`
}

const rest = process.argv.slice(2)

/** Takes an option and its value out of the arguments. */
function takeOption(option: string): string | undefined {
  const index = rest.indexOf(option)
  if (index < 0) return undefined
  const [, value] = rest.splice(index, 2)
  return value ?? giveUp(`${option} needs a value.`)
}

const names = readdirSync(directory)
  .filter((file) => file.endsWith(".ts"))
  .map((file) => basename(file, ".ts"))
const usage = `usage: npm run bench -- NAME [--runtime node|bun|deno|all] [--json FILE] [option ...]\nNAME: ${names.join(", ")}`
const [name] = rest.splice(0, 1)
if (name === undefined) giveUp(usage)
if (!names.includes(name)) giveUp(`There is no bench/${name}.ts.\n${usage}`)
const wanted = takeOption("--runtime") ?? "node"
const jsonPath = takeOption("--json")
const runtimes = wanted === "all" ? [...runners.keys()] : wanted.split(",")

for (const runtime of runtimes) {
  const [program = "", ...runnerArguments] = runners.get(runtime) ?? giveUp(`There is no runtime ${runtime}.\n${usage}`)
  if (runtimes.length > 1) console.error(`── ${name} on ${runtime}`)
  const reporting = jsonPath === undefined ? [] : ["--json", pathFor(jsonPath, runtime, runtimes.length)]
  const { status } = spawnSync(
    join(root, "node_modules", ".bin", program),
    [...runnerArguments, join(directory, `${name}.ts`), ...reporting, ...rest],
    { stdio: "inherit", env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" } }
  )
  if (status !== 0) process.exitCode = status ?? 1
}
