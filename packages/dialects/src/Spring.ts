/**
 * What Spring Boot does to a configuration before anybody sees it: keys with dots inside YAML, documents that hold for a
 * profile only, placeholders, and names in any of four spellings.
 */
import type { Selected, Selection } from "./Dialect.ts"
import type { DialectOptions } from "./Key.ts"
import { type Note, type Problem, sourceOf } from "./Reading.ts"
import { type Flattened, formatPath, splitKey, type Written } from "./Written.ts"

/** `max-connections`, `maxConnections`, `max_connections` and `MAX_CONNECTIONS` are one name. */
export const relaxed = (name: string): string => name.replaceAll(/[-_]/g, "").toLowerCase()

export interface Properties {
  /** What is in force, under full names. */
  readonly selected: ReadonlyArray<Selected>
  readonly notes: ReadonlyArray<Note>
  readonly problems: ReadonlyArray<Problem>
}

/** The properties for which `isOurs` says yes; what is wrong with others is not our business. */
export const springProperties = (
  { documents }: Flattened,
  { profiles = [] }: DialectOptions,
  isOurs: (path: Written["path"]) => boolean
): Properties => {
  const notes: Array<Note> = []
  const problems: Array<Problem> = []
  const selected: Array<Selected> = []
  for (const document of documents) {
    const named = document.flatMap((written) => (written.path.length === 0 ? [] : [withSteps(written)]))
    const ours = named.filter(({ path }) => isOurs(path))
    const condition = named.find(({ key }) => key === "spring.config.activate.on-profile" || key === "spring.profiles")
    if (condition !== undefined && !profiles.includes(String(condition.value))) {
      const message = `what stands in its document was not read, since the profile ${String(condition.value)} is not among the active ones`
      if (ours.length > 0) notes.push({ source: sourceOf(condition.key, condition.place), message })
      continue
    }
    for (const property of ours) {
      const value = resolve(property.value)
      selected.push({ ...property, value })
      const source = sourceOf(property.key, property.place)
      if (typeof value === "string" && value.includes("${")) {
        const message = `the value of ${value} is not known here; write it, or a default: \${NAME:default}`
        problems.push({ place: property.place, key: property.key, message })
      } else if (value !== property.value) {
        notes.push({ source, message: `read as ${String(value)}, the default in ${String(property.value)}` })
      }
    }
  }
  return { selected: problems.length > 0 ? [] : selected, notes, problems }
}

const withSteps = (written: Written): Selected => {
  const path = written.path.flatMap((step) => (typeof step === "string" ? splitKey(step) : [step]))
  return { ...written, path, key: formatPath(path) }
}

/** `${NAME:default}` is its default. */
const resolve = (value: unknown): unknown =>
  typeof value === "string" ? value.replaceAll(/\$\{[^:{}]+:([^{}]*)\}/g, "$1") : value

/** What stands below one of the prefixes, which is taken off. */
export const ofPrefixes =
  (prefixes: ReadonlyArray<string>) =>
  (input: Flattened, options: DialectOptions): Selection => {
    const properties = springProperties(input, options, (path) => below(path, prefixes) !== undefined)
    return {
      ...properties,
      selected: properties.selected.map((property) => ({ ...property, path: below(property.path, prefixes) ?? [] }))
    }
  }

/** The rest of a path below the first prefix that it is below. */
export const below = (path: Written["path"], prefixes: ReadonlyArray<string>): Written["path"] | undefined => {
  for (const prefix of prefixes) {
    const steps = prefix.split(".")
    if (prefix === "") return path
    if (path.length > steps.length && steps.every((step, index) => relaxed(String(path[index])) === relaxed(step))) {
      return path.slice(steps.length)
    }
  }
  return undefined
}
