/**
 * What a dependency costs the project that takes it: bytes on disk, packages, and the time until it is imported.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Consumer } from "./Consumer.ts"

export interface Measured {
  readonly name: string
  readonly byteCount: number
  readonly packageCount: number
  /** By runtime: the shortest of several fresh processes. */
  readonly importMillis: Readonly<Record<string, number>>
}

const runners = {
  node: ["node", "main.mjs"],
  bun: ["bun", "main.mjs"],
  deno: ["deno", "run", "--allow-all", "main.mjs"]
} as const

const processCount = 5

/** `wanted` is what npm is told to install, such as `undici@8.12.4`. */
export const measureInstalled = async (registryUrl: string, wanted: string): Promise<Measured> => {
  using consumer = new Consumer(registryUrl)
  await consumer.run("npm", "install", wanted)
  const name = wanted.replace(/(?<=.)@.*$/, "")
  const lock: { packages: object } = JSON.parse(
    readFileSync(join(consumer.directory, "node_modules", ".package-lock.json"), "utf8")
  )
  consumer.write("main.mjs", `const t = performance.now(); await import("${name}"); console.log(performance.now() - t)`)
  const importMillis: Record<string, number> = {}
  for (const [runtime, [program, ...programArguments]] of Object.entries(runners)) {
    const millis: Array<number> = []
    for (let count = 0; count < processCount; count++) {
      millis.push(Number(await consumer.run(program, ...programArguments)))
    }
    importMillis[runtime] = Math.min(...millis)
  }
  const packageCount = Object.keys(lock.packages).length
  return { name: wanted, byteCount: consumer.installedByteCount(), packageCount, importMillis }
}

export const tableOf = (measured: ReadonlyArray<Measured>): string => {
  const cells = [
    ["package", "MB", "packages", ...Object.keys(runners).map((runtime) => `import ms ${runtime}`)],
    ...measured.map(({ byteCount, importMillis, name, packageCount }) => [
      name,
      (byteCount / 1e6).toFixed(1),
      String(packageCount),
      ...Object.keys(runners).map((runtime) => (importMillis[runtime] ?? Number.NaN).toFixed(1))
    ])
  ]
  return cells
    .map(([first = "", ...rest]) => first.padEnd(16) + rest.map((cell) => cell.padStart(16)).join(""))
    .join("\n")
}
