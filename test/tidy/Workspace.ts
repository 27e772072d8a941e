/**
 * The repository as the rules see it: every text file, every source, every package with its manifest.
 */
import { readdirSync, readFileSync } from "node:fs"
import { extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseSource, type Source } from "./Source.ts"

export type Dependencies = Readonly<Record<string, string>>

/** The fields of a package.json that the rules read. */
export interface Manifest {
  readonly name: string
  readonly version?: string
  readonly private?: boolean
  readonly description?: string
  readonly license?: string
  readonly type?: string
  readonly sideEffects?: unknown
  readonly engines?: Dependencies
  readonly files?: ReadonlyArray<string>
  readonly exports?: unknown
  /** Names of its own (`#platform`), which conditions lead to files. */
  readonly imports?: Readonly<Record<string, unknown>>
  readonly scripts?: Dependencies
  readonly dependencies?: Dependencies
  readonly devDependencies?: Dependencies
  readonly peerDependencies?: Dependencies
  readonly optionalDependencies?: Dependencies
}

export interface Package {
  /** `packages/core`, `apps/gateway`, `bench`. */
  readonly directory: string
  readonly manifest: Manifest
}

export interface TextFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

export interface Workspace {
  readonly root: Manifest
  readonly packages: ReadonlyArray<Package>
  readonly sources: ReadonlyArray<Source>
  /** Why a source is not among `sources`. */
  readonly syntaxErrors: ReadonlyArray<string>
  readonly files: ReadonlyArray<TextFile>
}

/** What git ignores, and git itself. */
const ignoredDirectories = new Set([".git", ".turbo", "dist", "node_modules", "target"])
const sourceExtensions = new Set([".mjs", ".ts"])
const textExtensions = new Set([...sourceExtensions, ".css", ".html", ".json", ".md", ".yaml", ".yml"])

export const rootDirectory = fileURLToPath(new URL("../..", import.meta.url))

export function readWorkspace(): Workspace {
  const files = listFiles("").map((path) => ({ path, text: readFileSync(join(rootDirectory, path), "utf8") }))
  const manifestAt = (path: string): Manifest => JSON.parse(files.find((file) => file.path === path)?.text ?? "")
  const sources: Array<Source> = []
  const syntaxErrors: Array<string> = []
  for (const { path, text } of files) {
    if (!sourceExtensions.has(extname(path))) continue
    const source = parseSource(path, text)
    if (typeof source === "string") syntaxErrors.push(source)
    else sources.push(source)
  }
  return {
    root: manifestAt("package.json"),
    packages: files
      .filter(({ path }) => /^((packages|apps)\/[^/]+|bench)\/package\.json$/.test(path))
      .map(({ path }) => ({ directory: path.slice(0, path.lastIndexOf("/")), manifest: manifestAt(path) })),
    sources,
    syntaxErrors,
    files
  }
}

function listFiles(directory: string): Array<string> {
  return readdirSync(join(rootDirectory, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = directory === "" ? entry.name : `${directory}/${entry.name}`
    if (entry.isDirectory()) return ignoredDirectories.has(entry.name) ? [] : listFiles(path)
    return entry.isFile() && textExtensions.has(extname(entry.name)) ? [path] : []
  })
}
