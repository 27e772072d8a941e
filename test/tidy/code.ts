/**
 * Rules about what stands in a file. Each returns its findings as sentences; none is good.
 */
import { isShipped } from "./imports.ts"
import { socketLayers } from "./layers.ts"
import type { Source } from "./Source.ts"
import type { TextFile } from "./Workspace.ts"

/** Time and chance that a simulation could not replay. */
const unreplayable = new Map([
  ["Date.now", "time comes from Effect's Clock"],
  ["new Date()", "time comes from Effect's Clock"],
  ["performance.now", "time comes from Effect's Clock"],
  ["performance.timeOrigin", "time comes from Effect's Clock"],
  ["process.hrtime", "time comes from Effect's Clock"],
  ["setImmediate", "a later turn comes from Effect's Scheduler"],
  ["setInterval", "a repetition comes from an Effect Schedule"],
  ["setTimeout", "a delay comes from Effect's Clock"],
  ["queueMicrotask", "a later turn comes from Effect's Scheduler"],
  ["process.nextTick", "a later turn comes from Effect's Scheduler"],
  ["crypto.getRandomValues", "chance comes from Effect's Random"],
  ["crypto.randomUUID", "chance comes from Effect's Random"],
  ["Math.random", "chance comes from Effect's Random"]
])

const unreplayableModules = /^(node:)?(timers|timers\/promises|perf_hooks)$/

/** Only the socket layers know the real clock, real timers and real chance. */
export function checkReplayable(source: Source): ReadonlyArray<string> {
  if (!isShipped(source.path) || socketLayers.some((layer) => source.path.startsWith(`${layer}/`))) return []
  return [
    ...source.uses.flatMap(({ line, what }) => {
      const instead = unreplayable.get(what)
      return instead === undefined ? [] : [`${source.path}:${line} uses ${what}: ${instead}`]
    }),
    ...source.imports
      .filter(({ specifier }) => unreplayableModules.test(specifier))
      .map(({ line, specifier }) => `${source.path}:${line} imports ${specifier}: time comes from Effect's Clock`)
  ]
}

/** Nothing is WebAssembly, and nothing leans on undici, whose parser is. */
export function checkWebAssembly(source: Source): ReadonlyArray<string> {
  if (!isShipped(source.path)) return []
  return [
    ...source.uses
      .filter(({ what }) => what === "WebAssembly")
      .map(({ line }) => `${source.path}:${line} uses WebAssembly`),
    ...source.imports
      .filter(({ specifier }) => specifier === "undici" || specifier.endsWith(".wasm"))
      .map(({ line, specifier }) => `${source.path}:${line} imports ${specifier}`)
  ]
}

/** The compiler's word holds: no `any`, no cast past it, no comment that silences it, no error swallowed unsaid. */
export function checkEvasions(source: Source): ReadonlyArray<string> {
  const silencer = isShipped(source.path) ? /@ts-(ignore|nocheck|expect-error)/ : /@ts-(ignore|nocheck)/
  return [
    ...source.evasions.map(({ line, what }) => `${source.path}:${line} has ${what}`),
    ...source.comments.flatMap(({ line, what }) => {
      const match = silencer.exec(what)
      return match === null ? [] : [`${source.path}:${line} has ${match[0]}`]
    })
  ]
}

/** Work left for later has an issue's number. */
export function checkLeftovers(source: Source): ReadonlyArray<string> {
  return source.comments
    .filter(({ what }) => /\b(TODO|FIXME)\b(?!.*#\d)/.test(what))
    .map(({ line }) => `${source.path}:${line} leaves something to do without an issue's number (#N)`)
}

export const codeLineCountMax = 400

/** A file holds one concept; `larger` names those that were let grow, and only ever shrinks. */
export function checkLength(source: Source, larger: ReadonlyMap<string, number>): ReadonlyArray<string> {
  const known = larger.get(source.path)
  const countMax = known ?? codeLineCountMax
  const { codeLineCount, path } = source
  if (codeLineCount > countMax) return [`${path} has ${codeLineCount} lines of code, more than ${countMax}: split it`]
  return known !== undefined && codeLineCount < known
    ? [`${path} shrank to ${codeLineCount} lines of code: lower its number in test/tidy/tidy.test.ts`]
    : []
}

/** A module that ships says what it is for before it does anything; an index only lists. */
export function checkIntroduced(source: Source): ReadonlyArray<string> {
  const isModule = isShipped(source.path) && !source.path.endsWith("/index.ts")
  return isModule && !source.isIntroduced ? [`${source.path} has no doc block that says what it is for`] : []
}

/** A test's name is a sentence about one behaviour; a placeholder (`%s`, `$name`) stands for more than one word of it. */
export function checkTestNames(source: Source): ReadonlyArray<string> {
  const countWords = (name: string): number =>
    name
      .replace(/%\w|\$\w+|…/g, "two words")
      .trim()
      .split(/\s+/).length
  return source.testNames
    .filter(({ what }) => countWords(what) < 3 || /^should\b|[.]$/.test(what))
    .map(({ line, what }) => `${source.path}:${line} is named "${what}": say in a sentence what it shows`)
}

/** Nothing speaks of the machine it was written on. A test may have a request for `/root/` or `/home/`. */
export function checkMachinePaths(file: TextFile): ReadonlyArray<string> {
  const places = /\.test\.ts$/.test(file.path) ? /(?<![\w.@-])\/work\// : /(?<![\w.@-])\/(?:work|root|home)\//
  return file.text.split("\n").flatMap((text, index) => {
    const match = places.exec(text)
    return match === null ? [] : [`${file.path}:${index + 1} speaks of ${match[0]}, a place on one machine`]
  })
}
