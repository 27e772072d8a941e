/**
 * Rules about imports: their direction, their declaration, their spelling, their cycles. Each returns its findings as
 * sentences; none is good.
 */
import { builtinModules } from "node:module"
import { posix } from "node:path"
import { layerOf } from "./layers.ts"
import type { Import, Source } from "./Source.ts"
import type { Manifest, Package } from "./Workspace.ts"

const weirPrefix = "@weir/"

/** `packages/core` for `packages/core/src/Pool.ts`; undefined outside packages/, apps/ and bench/. */
export function packageOf(path: string): string | undefined {
  return /^(?:(?:packages|apps)\/[^/]+|bench)(?=\/)/.exec(path)?.[0]
}

/** Is it code that others run, not a test of it? */
export function isShipped(path: string): boolean {
  return /^(?:packages|apps)\/[^/]+\/src\//.test(path)
}

/** What tests of several packages stand on. */
const sharedSupport = "test/support/"

function isPackageTest(path: string): boolean {
  return /^(?:packages|apps)\/[^/]+\/test\//.test(path)
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith("./") || specifier.startsWith("../")
}

/** `effect` for `effect/http`, `@weir/core` for `@weir/core/internal`. */
function libraryOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")
}

function isBuiltin(specifier: string): boolean {
  return /^(node|bun):/.test(specifier) || specifier === "bun" || builtinModules.includes(specifier)
}

function resolve(source: Source, specifier: string): string {
  return posix.join(posix.dirname(source.path), specifier)
}

/**
 * Relative imports name the file with its ending, stay inside their package (but benchmarks may measure what a package
 * hides, and tests may use what all tests share), and nothing is loaded by URL.
 */
export function checkSpelling(source: Source): ReadonlyArray<string> {
  const directory = packageOf(source.path)
  return source.imports.flatMap(({ line, specifier }) => {
    const where = `${source.path}:${line} imports ${specifier}`
    // A Deno script imports our packages so.
    if (source.path.startsWith("examples/deno-") && specifier.startsWith("npm:@weir/")) return []
    if (/^(https?|npm|jsr|file|data):/.test(specifier)) return [`${where} by URL`]
    if (!isRelative(specifier)) return []
    if (!/\.(ts|mjs|json)$/.test(specifier)) return [`${where} without the file's ending`]
    const isFree = directory === undefined || directory === "bench"
    const target = resolve(source, specifier)
    const isInside = isFree || target.startsWith(`${directory}/`)
    const isSupport = isPackageTest(source.path) && target.startsWith(sharedSupport)
    return isInside || isSupport ? [] : [`${where}, past the edge of its package: import the other package by its name`]
  })
}

/** What ships imports only what its layer allows. */
export function checkDirections(source: Source): ReadonlyArray<string> {
  const directory = packageOf(source.path)
  if (directory === undefined || !isShipped(source.path)) return []
  const layer = layerOf(directory)
  if (layer === undefined) return [`${directory} has no line in test/tidy/layers.ts`]
  const mayImport = ({ specifier }: Import): boolean => {
    if (isRelative(specifier)) return true
    if (specifier.startsWith(weirPrefix)) {
      return layer.packages.includes(libraryOf(specifier).slice(weirPrefix.length))
    }
    if (isBuiltin(specifier)) return layer.builtins.some((prefix) => specifier.startsWith(prefix))
    return layer.libraries?.includes(libraryOf(specifier)) ?? true
  }
  return source.imports
    .filter((one) => !mayImport(one))
    .map(({ line, specifier }) => `${source.path}:${line} imports ${specifier}, which ${directory} must not know`)
}

/**
 * What ships imports only what its package.json depends on, or names among its own `imports` (`#platform`). Tests may
 * also use the development dependencies, the root's among them, and any package of this repository: a declared arrow
 * from a package to the test kit, which itself stands on that package, would make a cycle.
 */
export function checkDeclared(source: Source, manifest: Manifest, root: Manifest): ReadonlyArray<string> {
  const shipped = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }
  const declared = isShipped(source.path)
    ? shipped
    : { ...shipped, ...manifest.devDependencies, ...root.devDependencies, [manifest.name]: "" }
  return source.imports
    .filter(({ specifier }) => !isRelative(specifier) && !isBuiltin(specifier))
    .filter(({ specifier }) => isShipped(source.path) || !specifier.startsWith(weirPrefix))
    .filter(({ specifier }) =>
      specifier.startsWith("#")
        ? !Object.hasOwn(manifest.imports ?? {}, specifier)
        : !Object.hasOwn(declared, libraryOf(specifier))
    )
    .map(
      ({ line, specifier }) => `${source.path}:${line} imports ${specifier}, which ${manifest.name} does not declare`
    )
}

/** The dependencies between packages obey the layers, and form no cycle. */
export function checkDependencies(packages: ReadonlyArray<Package>): ReadonlyArray<string> {
  const wanted = ({ manifest }: Package): ReadonlyArray<string> =>
    Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.devDependencies }).filter(
      (name) => name.startsWith(weirPrefix)
    )
  const upward = packages.flatMap((one) => {
    const allowed = layerOf(one.directory)?.packages ?? []
    return wanted(one)
      .filter((name) => !allowed.includes(name.slice(weirPrefix.length)))
      .map((name) => `${one.directory}/package.json depends on ${name}, which it must not know`)
  })
  const graph = new Map(packages.map((one) => [one.manifest.name, wanted(one)]))
  return [...upward, ...findCycles(graph).map((cycle) => `dependencies go round: ${cycle.join(" → ")}`)]
}

/**
 * No file needs itself to be loaded. Types do not count: they are gone when a file is loaded, and two types may well
 * speak of each other.
 */
export function checkCycles(sources: ReadonlyArray<Source>): ReadonlyArray<string> {
  const graph = new Map(
    sources.map((source) => [
      source.path,
      source.imports
        .filter(({ isTypeOnly, specifier }) => !isTypeOnly && isRelative(specifier))
        .map(({ specifier }) => resolve(source, specifier))
    ])
  )
  return findCycles(graph).map((cycle) => `imports go round: ${cycle.join(" → ")}`)
}

/** One cycle for each back edge of a walk in depth; the walk visits every node once. */
function findCycles(graph: ReadonlyMap<string, ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> {
  const cycles: Array<ReadonlyArray<string>> = []
  const finished = new Set<string>()
  const path: Array<string> = []
  const visit = (node: string): void => {
    const start = path.indexOf(node)
    if (start >= 0) {
      cycles.push([...path.slice(start), node])
      return
    }
    if (finished.has(node)) return
    path.push(node)
    for (const next of graph.get(node) ?? []) visit(next)
    path.pop()
    finished.add(node)
  }
  for (const node of graph.keys()) visit(node)
  return cycles
}
