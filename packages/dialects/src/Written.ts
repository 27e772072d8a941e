/**
 * Text or an object, flattened to what is written: each value with its path and its line.
 *
 * YAML (and so JSON) and `.properties` come with lines; merge keys and aliases of YAML are followed.
 */
import { Properties } from "properties-file/parser"
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from "yaml"
import type { Place, Problem } from "./Reading.ts"

/** A value that is no mapping and no list, or an empty one. */
export interface Written {
  /** Names and indices from the root: `["static_resources", "clusters", 0, "name"]`. */
  readonly path: ReadonlyArray<string | number>
  readonly value: unknown
  readonly place: Place
}

/** One document: what `---` separates in YAML; a properties file and an object are one. */
export type WrittenDocument = ReadonlyArray<Written>

export interface Flattened {
  readonly documents: ReadonlyArray<WrittenDocument>
  readonly problems: ReadonlyArray<Problem>
}

/** `spec.subsets[0].name`. */
export const formatPath = (path: Written["path"]): string =>
  path.reduce<string>(
    (text, step) => (typeof step === "number" ? `${text}[${step}]` : text === "" ? step : `${text}.${step}`),
    ""
  )

/** A properties file says so by its name, or by a first line that is no YAML: `a.b = c`. */
export const isProperties = (text: string, file: string | undefined): boolean => {
  if (file !== undefined) return file.endsWith(".properties")
  const line = text.split("\n").find((one) => /^\s*[^\s#!]/.test(one)) ?? ""
  return /^\s*[\w.[\]-]+\s*=/.test(line)
}

export const flatten = (input: string | object, file: string | undefined): Flattened => {
  if (typeof input !== "string") return { documents: [flattenObject(input, file)], problems: [] }
  return isProperties(input, file) ? flattenProperties(input, file) : flattenYaml(input, file)
}

const placeOf = (file: string | undefined, line?: number): Place => ({
  ...(file === undefined ? {} : { file }),
  ...(line === undefined ? {} : { line })
})

const flattenProperties = (text: string, file: string | undefined): Flattened => {
  // The last of equal keys counts, as in java.util.Properties.
  const byKey = new Map(
    new Properties(text)
      .getProperties()
      .map(({ key, startingLineNumber, value }) => [
        key,
        { path: splitKey(key), value, place: placeOf(file, startingLineNumber) }
      ])
  )
  return { documents: [[...byKey.values()]], problems: [] }
}

/** `a.b[0].c`, as Spring writes lists. */
export const splitKey = (key: string): Written["path"] =>
  key
    .split(/\.|(?=\[\d+\])/)
    .filter((part) => part !== "")
    .map((part) => (/^\[\d+\]$/.test(part) ? Number(part.slice(1, -1)) : part))

const flattenYaml = (text: string, file: string | undefined): Flattened => {
  const lines = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter: lines, merge: true, prettyErrors: false, stringKeys: true })
  if ("empty" in parsed) return { documents: [], problems: [] }
  const documents: Array<WrittenDocument> = []
  const problems: Array<Problem> = []
  for (const document of parsed) {
    for (const { message, pos } of [...document.errors, ...document.warnings]) {
      problems.push({ place: placeOf(file, lines.linePos(pos[0]).line), key: "", message })
    }
    if (document.errors.length > 0 || document.contents === null) continue
    const value = toValue(document)
    if (value instanceof Error) {
      problems.push({ place: placeOf(file, lines.linePos(document.range[0]).line), key: "", message: value.message })
    } else if (value !== null) {
      documents.push(leavesOf(value, (path) => placeOf(file, lines.linePos(offsetOf(document, path)).line)))
    }
  }
  return { documents, problems }
}

/** The one thing that fails here: more than a hundred expansions of one alias. */
const toValue = (document: Document): unknown => {
  try {
    return document.toJS()
  } catch (cause) {
    return cause instanceof Error ? cause : new Error(String(cause))
  }
}

/** Where the field at `path` begins; for one that came by a merge key, where its nearest ancestor does. */
const offsetOf = (document: Document, path: Written["path"]): number => {
  let node: unknown = document.contents
  let offset = document.contents?.range?.[0] ?? 0
  for (const step of path) {
    const target = isAlias(node) ? node.resolve(document) : node
    if (isMap(target)) {
      const pair = target.items.find((item) => isScalar(item.key) && String(item.key.value) === step)
      if (pair === undefined) break
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset
      node = pair.value
    } else if (isSeq(target) && typeof step === "number") {
      node = target.items[step]
      offset = isMap(node) || isScalar(node) || isSeq(node) ? (node.range?.[0] ?? offset) : offset
    } else break
  }
  return offset
}

const flattenObject = (input: object, file: string | undefined): WrittenDocument => leavesOf(input, () => placeOf(file))

const leavesOf = (root: unknown, place: (path: Written["path"]) => Place): WrittenDocument => {
  const leaves: Array<Written> = []
  const walk = (value: unknown, path: Written["path"]) => {
    const children = childrenOf(value)
    if (children === undefined || (children.length === 0 && path.length > 0)) {
      leaves.push({ path, value, place: place(path) })
      return
    }
    for (const [key, child] of children) walk(child, [...path, key])
  }
  walk(root, [])
  return leaves
}

const childrenOf = (value: unknown): ReadonlyArray<readonly [string | number, unknown]> | undefined => {
  if (Array.isArray(value)) return value.map((item, index) => [index, item])
  if (typeof value !== "object" || value === null) return undefined
  return Object.entries(value).filter(([, child]) => child !== undefined)
}
