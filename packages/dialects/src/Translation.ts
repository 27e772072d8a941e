/**
 * A configuration in the words of another system.
 *
 * Whatever that system cannot say is told: what has been written is read again by its own dialect, and every value that
 * does not come back the same is a loss.
 */
import { Result } from "effect"
import { stringify } from "yaml"
import type { Dialect } from "./Dialect.ts"
import type { Knob, KnobValue } from "./Knob.ts"
import type { Entry, Reading } from "./Reading.ts"

export interface Translation {
  readonly text: string
  readonly losses: ReadonlyArray<{
    readonly entry: Entry
    /** What holds there instead; undefined: nothing is said of it. */
    readonly instead: KnobValue | undefined
  }>
}

/** Writes what was read in one dialect in another, and says what that one has no word for. */
/** What holds for a configuration that says nothing of it, and has to be said to some systems. */
const unsaid: ReadonlyArray<readonly [Knob, KnobValue]> = [
  ["pool.mode", "bounded"],
  ["pool.idlePerRouteMin", 0]
]

/** Writes what was read in one dialect in another, and says what that one has no word for. */
export const translate = (reading: Reading, to: Dialect): Translation => {
  const values = new Map(reading.entries.flatMap((one) => (one.match === "*" ? [[one.knob, one.value] as const] : [])))
  for (const [knob, value] of unsaid) if (!values.has(knob)) values.set(knob, value)
  // What holds there anyway need not be said.
  const byDefault = new Map(to({}).entries.map(({ knob, value }) => [knob, value]))
  const written = new Map<string, unknown>()
  for (const { codec, name, to: knobs = [], unitKey, writes } of to.spec.keys) {
    const knob = writes ?? [knobs].flat()[0]
    const value = knob === undefined ? undefined : values.get(knob)
    if (knob === undefined || value === undefined || name.includes("*") || byDefault.get(knob) === value) continue
    const encoded = codec.encode(value)
    if (encoded === undefined) continue
    written.set(name, encoded)
    if (unitKey !== undefined) written.set(unitKey, "MILLISECONDS")
  }
  const text = format(to, written)
  const back = to.read(text, { file: to.spec.form === "properties" ? "translated.properties" : "translated.yaml" })
  if (Result.isFailure(back)) throw back.failure
  const again = new Map(
    back.success.entries.map((one) => [
      JSON.stringify([one.match === only(back.success) ? "*" : one.match, one.knob]),
      one.value
    ])
  )
  const losses = reading.entries.flatMap((entry) => {
    const instead = again.get(JSON.stringify([entry.match, entry.knob]))
    return instead === entry.value ? [] : [{ entry, instead }]
  })
  return { text, losses }
}

/** The only routes that something is said of, which a rule for all hosts has. */
const only = (reading: Reading): string | undefined => {
  const matches = new Set(reading.entries.map(({ match }) => match))
  return matches.size === 2 ? [...matches].find((match) => match === "http*://*:*") : undefined
}

const format = ({ spec }: Dialect, written: ReadonlyMap<string, unknown>): string => {
  if (spec.form === "properties") {
    const prefix = spec.prefix === undefined ? "" : `${spec.prefix}.`
    return [...written].map(([name, value]) => `${prefix}${name}=${String(value)}\n`).join("")
  }
  const body = nest(written)
  const whole = spec.frame?.(body) ?? body
  return spec.form === "json" ? `${JSON.stringify(whole, undefined, 2)}\n` : stringify(whole)
}

/** `a.b[].c` as mappings and lists of one. */
const nest = (written: ReadonlyMap<string, unknown>): Record<string, unknown> => {
  const root: Record<string, unknown> = {}
  for (const [name, value] of written) put(root, name.split("."), value)
  return root
}

const put = (into: Record<string, unknown>, [first = "", ...rest]: ReadonlyArray<string>, value: unknown): void => {
  const isList = first.endsWith("[]")
  const name = isList ? first.slice(0, -2) : first
  if (rest.length === 0) {
    into[name] = isList ? [value] : value
    return
  }
  const held = isList && Array.isArray(into[name]) ? into[name][0] : into[name]
  const child: Record<string, unknown> = isRecord(held) ? held : {}
  into[name] = isList ? [child] : child
  put(child, rest, value)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The configuration as a client's own, to be copied into a program: what holds for all routes stands at the top. */
export const toPlain = ({ config, entries }: Reading): object => {
  const isGeneral = new Set(entries.filter(({ match }) => match === "*").map(({ source }) => source))
  const overrides = (config.pool?.overrides ?? []).filter(
    ({ match, source }) => match !== "*" || !isGeneral.has(source ?? "")
  )
  const { pool, ...rest } = config
  const sections = { pool: { ...pool, overrides }, ...rest }
  return Object.fromEntries(Object.entries(sections).filter(([, section]) => Object.keys(section).length > 0))
}
