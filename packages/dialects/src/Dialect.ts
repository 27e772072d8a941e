/**
 * A dialect: a table of keys, and what the system does besides. Reading with it is a pure function.
 *
 * Values come in force in this order, later ones winning: no limit at all, what the system always does, the default of
 * each key, each key that is written, and for some routes only what is written for those.
 */
import { ClientConfig } from "@weir/client"
import { nearestKey } from "@weir/core"
import { Result, Schema } from "effect"
import { unitOf } from "./Codec.ts"
import { type DialectOptions, defaultIn, type Effects, type Key, matchName, type Settings } from "./Key.ts"
import { type Knob, type Knobs, type KnobValue, knobsByName, mayDiffer, toConfig, unlimited } from "./Knob.ts"
import {
  DialectError,
  type Entry,
  type Note,
  type Place,
  type Problem,
  type Reading,
  sourceOf,
  type Unmapped
} from "./Reading.ts"
import { type Flattened, flatten, formatPath, type Written } from "./Written.ts"

/** Something written that the table is to explain. */
export interface Selected extends Written {
  /** As it stands in the input, for messages. */
  readonly key: string
  /** The routes it holds for, where its place in the input says so. */
  readonly match?: string
}

export interface Selection {
  readonly selected: ReadonlyArray<Selected>
  readonly problems?: ReadonlyArray<Problem>
  readonly notes?: ReadonlyArray<Note>
  readonly unmapped?: ReadonlyArray<Unmapped>
  /** Routes for which what is written takes the place of everything said of others: the rest is at its default there. */
  readonly resets?: ReadonlyArray<{ readonly match: string; readonly source: string }>
  /** The only routes anything is said of: what a client can have but once is theirs. */
  readonly onlyMatch?: string
}

/** A dialect as data: its keys, their types and defaults, and what the system does anyway. */
export interface DialectSpec {
  readonly id: string
  readonly title: string
  /** The newest first. */
  readonly versions: readonly [string, ...Array<string>]
  readonly keys: ReadonlyArray<Key>
  /** What the system does whatever is configured, with the place of its source that says so. */
  readonly always: { readonly knobs: Knobs | ((version: string) => Knobs); readonly cite: string }
  /** Are all values text to this system, as in a properties file? */
  readonly isText?: boolean
  /** Two names are one to this system when this makes them equal (Spring's relaxed binding). */
  readonly spelling?: (name: string) => string
  /** The routes that a name in a key stands for. */
  readonly matchOf?: (capture: string) => string
  /** What of the input belongs to this dialect. Default: all of it. */
  readonly select?: (input: Flattened, options: DialectOptions) => Selection
  /** Is a name from the input's root one that only this system has? For finding out whose configuration a text is. */
  readonly isTelling: (path: string) => boolean
  /** How a configuration is written, for translating to it. */
  readonly form: "yaml" | "json" | "properties"
  /** What stands before the names of the table. */
  readonly prefix?: string
  /** What stands around them, where that is more. */
  readonly frame?: (body: Readonly<Record<string, unknown>>) => object
}

export interface Dialect {
  /** Reads a text or an object; throws a `DialectError` if it cannot be used. */
  (input: string | object, options?: DialectOptions): Reading
  /** The same as a value. */
  readonly read: (input: string | object, options?: DialectOptions) => Result.Result<Reading, DialectError>
  readonly spec: DialectSpec
}

/** The dialect of a spec. */
export const make = (spec: DialectSpec): Dialect => {
  const read = (input: string | object, options: DialectOptions = {}) => readWith(spec, input, options)
  return Object.assign((input: string | object, options?: DialectOptions) => Result.getOrThrow(read(input, options)), {
    read,
    spec
  })
}

const readWith = (
  spec: DialectSpec,
  input: string | object,
  options: DialectOptions
): Result.Result<Reading, DialectError> => {
  const version = options.version ?? spec.versions[0]
  const fail = (problems: ReadonlyArray<Problem>) => Result.fail(new DialectError({ title: spec.title, problems }))
  if (!spec.versions.includes(version)) {
    const message = `no defaults are known of version ${version}; there are those of ${spec.versions.join(", ")}`
    return fail([{ place: {}, key: "", message }])
  }
  const flattened = flatten(input, options.file)
  if (flattened.problems.length > 0) return fail(flattened.problems)
  const selection = (spec.select ?? selectAll)(flattened, options)
  const { notes = [], problems = [], selected, unmapped = [] } = selection
  const reader = new Reader(spec, version, { ...options, version }, selection)
  for (const one of selected) reader.take(one)
  if (problems.length > 0 || reader.problems.length > 0) return fail([...problems, ...reader.problems])
  reader.conclude()
  if (reader.problems.length > 0) return fail(reader.problems)
  const entries = reader.entries()
  const config = toConfig(entries)
  const checked = Schema.decodeUnknownResult(ClientConfig)(config)
  if (Result.isFailure(checked)) return fail([{ place: {}, key: "", message: checked.failure.message }])
  return Result.succeed({
    dialect: spec.id,
    version,
    config,
    entries,
    notes: [...notes, ...reader.notes],
    unmapped: [...unmapped, ...reader.unmapped]
  })
}

const selectAll = ({ documents }: Flattened): Selection => ({
  selected: documents
    .flat()
    .flatMap((written) => (written.path.length === 0 ? [] : [{ ...written, key: formatPath(written.path) }]))
})

/** A key of the table with the value that is written for it. */
interface Setting {
  readonly key: Key
  readonly value: KnobValue
  readonly written: Selected
  /** How many of the key's names stand before this one. */
  readonly rank: number
}

class Reader {
  readonly problems: Array<Problem> = []
  readonly notes: Array<Note> = []
  readonly unmapped: Array<Unmapped> = []
  private readonly spec: DialectSpec
  private readonly version: string
  private readonly options: DialectOptions
  private readonly selection: Selection
  /** By the routes they hold for, then by the key's name. */
  private readonly settings = new Map<string, Map<string, Setting>>([["*", new Map()]])
  private readonly resets = new Map<string, string>()
  private readonly inForce = new Map<string, Entry>()

  constructor(spec: DialectSpec, version: string, options: DialectOptions, selection: Selection) {
    this.selection = selection
    this.spec = spec
    this.version = version
    this.options = options
  }

  take(written: Selected): void {
    const steps = stepsOf(written.path)
    const found = this.find(steps)
    if (found === undefined) {
      if (!this.isWithin(steps, written.value)) this.problem(written, this.unknown(steps))
      return
    }
    const { captures, key, rank } = found
    if (key.versions !== undefined && !key.versions.includes(this.version)) {
      this.problem(
        written,
        `${this.spec.title} ${this.version} has no such key; it is one of ${key.versions.join(", ")}`
      )
      return
    }
    const decoded = key.codec.decode(written.value, this.spec.isText === true)
    if (Result.isFailure(decoded)) {
      // Null is unset, as in YAML it is to everybody, where the key gives it no meaning of its own.
      if (written.value !== null) this.problem(written, decoded.failure)
      return
    }
    const [capture] = captures
    const match = written.match ?? (capture === undefined ? "*" : (this.spec.matchOf?.(capture) ?? "*"))
    this.keep(match, { key, value: decoded.success, written, rank })
  }

  /** Several names for one key: the preferred one counts, and nobody is left in doubt about the others. */
  private keep(match: string, setting: Setting): void {
    const ofMatch = this.settings.get(match) ?? new Map<string, Setting>()
    this.settings.set(match, ofMatch)
    const { name: keyName, to, use } = setting.key
    // Items of a list, and what is below a key that is not looked into, stand beside each other.
    const isOneOfMany = keyName.endsWith("**") || (keyName.includes("[]") && to === undefined && use === undefined)
    const name = isOneOfMany ? setting.written.key : keyName
    const other = ofMatch.get(name)
    const wins = other === undefined || setting.rank <= other.rank
    const [winner, loser] = wins ? [setting, other] : [other, setting]
    ofMatch.set(name, winner)
    if (loser === undefined) return
    this.notes.push({
      source: sourceOf(loser.written.key, loser.written.place),
      message: `not in force: ${sourceOf(winner.written.key, winner.written.place)} sets it too and comes ${winner.rank < loser.rank ? "first" : "later"}`
    })
  }

  conclude(): void {
    const { title } = this.spec
    const { knobs } = this.spec.always
    const always = typeof knobs === "function" ? knobs(this.version) : knobs
    this.set("*", unlimited, `${title} has no such setting`, "absent")
    this.set("*", always, `${title} always`, "default")
    const general = this.settings.get("*") ?? new Map<string, Setting>()
    this.applyAll("*", general, this.settingsOf(general, new Map()), `${title} ${this.version} default of`)
    for (const { match, source } of this.selection.resets ?? []) {
      if (!this.settings.has(match)) this.settings.set(match, new Map())
      this.resets.set(match, source)
    }
    for (const [match, own] of this.settings) {
      if (match === "*") continue
      const reset = this.resets.get(match)
      if (reset !== undefined) this.set(match, routeKnobsOf({ ...unlimited, ...always }), reset, "default")
      const settings = this.settingsOf(own, reset === undefined ? general : new Map())
      this.applyAll(match, own, settings, reset)
    }
  }

  /** Applies what is written for some routes, in the table's order, and the defaults if their source is given. */
  private applyAll(match: string, own: ReadonlyMap<string, Setting>, settings: Settings, defaultSource?: string): void {
    for (const key of this.spec.keys) {
      const value = settings.get(key.name)
      const setting = own.get(key.name)
      if (setting !== undefined) this.apply(match, key, value ?? setting.value, settings, setting.written)
      else if (value !== undefined && defaultSource !== undefined) {
        const source = match === "*" ? `${defaultSource} ${key.name}` : defaultSource
        this.apply(match, key, value, settings, undefined, source)
      }
    }
    for (const [name, { key, value, written }] of own) {
      if (name !== key.name) this.apply(match, key, value, settings, written)
    }
  }

  private settingsOf(own: ReadonlyMap<string, Setting>, general: ReadonlyMap<string, Setting>): Settings {
    const plain = (name: string): KnobValue | undefined => {
      const setting = own.get(name) ?? general.get(name)
      if (setting !== undefined) return setting.value
      const key = this.spec.keys.find((one) => one.name === name)
      if (key?.derive !== undefined) return key.derive(settings)
      const byDefault = key === undefined ? undefined : defaultIn(key, this.version)
      if (key === undefined || byDefault === undefined) return undefined
      return Result.getOrThrow(key.codec.decode(byDefault, this.spec.isText === true))
    }
    const get = (name: string): KnobValue | undefined => {
      const value = plain(name)
      const unitKey = this.spec.keys.find((one) => one.name === name)?.unitKey
      const written = (own.get(name) ?? general.get(name))?.written.value
      // A value that brings its own unit, such as `10s`, needs no other.
      const hasUnit = typeof written === "string" && /[a-z]/i.test(written)
      if (unitKey === undefined || typeof value !== "number" || hasUnit) return value
      return value * (unitOf(String(plain(unitKey))) ?? 1)
    }
    const settings = { get, isWritten: (name: string) => own.has(name) || general.has(name), options: this.options }
    return settings
  }

  private apply(
    match: string,
    key: Key,
    value: KnobValue,
    settings: Settings,
    written: Selected | undefined,
    defaultSource = ""
  ): void {
    const source = written === undefined ? defaultSource : sourceOf(written.key, written.place)
    const kind = written === undefined ? "default" : "written"
    const direct = Object.fromEntries([key.to ?? []].flat().map((knob) => [knob, value]))
    const effects: Effects = key.use?.(value, settings) ?? {}
    const { knobs = {}, note, problem, unmapped } = effects
    this.set(match, { ...direct, ...knobs }, source, kind, written)
    if (note !== undefined) this.notes.push({ source, message: note })
    if (written === undefined) return
    if (problem !== undefined) this.problem(written, problem)
    if (key.note !== undefined) this.notes.push({ source, message: key.note })
    const loss = unmapped ?? (key.isHonoured?.(value) === true ? undefined : key.loss)
    if (loss !== undefined) this.unmapped.push({ key: written.key, value: withoutSecrets(written), source, ...loss })
  }

  private set(match: string, knobs: Knobs, source: string, kind: Entry["kind"], written?: Selected): void {
    for (const [name, value] of Object.entries(knobs)) {
      const knob = knobsByName.get(name)
      if (knob === undefined) continue
      if (match !== "*" && !mayDiffer(knob)) {
        if (written === undefined) continue
        if (match === this.selection.onlyMatch) this.set("*", { [knob]: value }, source, kind, written)
        else if (this.unmapped.at(-1)?.source !== source) {
          const loss = wholeClientOnly(knob, match)
          this.unmapped.push({ key: written.key, value: withoutSecrets(written), source, ...loss })
        }
        continue
      }
      if (written === undefined && match !== "*" && this.holdsEverywhere(knob, value)) continue
      this.inForce.set(JSON.stringify([match, knob]), { knob, value, match, source, kind })
    }
  }

  /** What nothing else is said of need not be put back to its default. */
  private holdsEverywhere(knob: Knob, value: KnobValue): boolean {
    return [...this.settings.keys()].every((match) => {
      const entry = this.inForce.get(JSON.stringify([match, knob]))
      return entry === undefined || entry.value === value
    })
  }

  entries(): ReadonlyArray<Entry> {
    const order = [...knobsByName.values()]
    const matches = [...this.settings.keys()]
    return [...this.inForce.values()].sort(
      (a, b) => matches.indexOf(a.match) - matches.indexOf(b.match) || order.indexOf(a.knob) - order.indexOf(b.knob)
    )
  }

  private find(steps: ReadonlyArray<string>) {
    const spelling = this.spec.spelling ?? ((name) => name)
    const spelled = steps.map(spelling)
    for (const key of this.spec.keys) {
      const names = [key.name, ...(key.aliases ?? [])]
      for (const [rank, name] of names.entries()) {
        const pattern = name.split(".").map((part) => (part === "*" || part === "**" ? part : spelling(part)))
        if (matchName(pattern.join("."), spelled) === undefined) continue
        const captures = pattern.flatMap((part, index) => (part === "*" ? [steps[index] ?? ""] : []))
        return { key, captures, rank }
      }
    }
    return undefined
  }

  /** An empty mapping or list where the table has something further in. */
  private isWithin(steps: ReadonlyArray<string>, value: unknown): boolean {
    if (Array.isArray(value)) {
      const items = [...steps.slice(0, -1), `${steps.at(-1) ?? ""}[]`]
      return this.find(items) !== undefined || this.namesBelow(items).length > 0
    }
    return (typeof value === "object" || value === undefined) && this.namesBelow(steps).length > 0
  }

  /** The names that may follow these steps. */
  private namesBelow(steps: ReadonlyArray<string>): ReadonlyArray<string> {
    const spelling = this.spec.spelling ?? ((name) => name)
    const names = this.spec.keys.flatMap((key) => [key.name, ...(key.aliases ?? [])]).map((name) => name.split("."))
    const below = names.filter(
      (parts) =>
        parts.length > steps.length &&
        steps.every((step, index) => {
          const part = (parts[index] ?? "").replace("[]", "")
          return part === "*" || spelling(part) === spelling(step.replace("[]", ""))
        })
    )
    return [...new Set(below.flatMap((parts) => parts[steps.length] ?? []))]
  }

  private unknown(steps: ReadonlyArray<string>): string {
    const inside = this.namesBelow(steps)
    if (inside.length > 0) return `expected a mapping with ${inside.slice(0, 5).join(", ")}`
    const last = steps.at(-1) ?? ""
    const siblings = this.namesBelow(steps.slice(0, -1)).filter((name) => name !== "*" && name !== "**")
    const all = this.spec.keys.map(({ name }) => name)
    const sibling = nearestKey(last, siblings)
    const nearest =
      sibling === undefined ? nearestKey(steps.join("."), all) : [...steps.slice(0, -1), sibling].join(".")
    const [first] = siblings
    if (nearest !== undefined) return `unknown key; did you mean ${nearest}?`
    return first === undefined
      ? "unknown key"
      : `unknown key; there are ${siblings.slice(0, 8).join(", ")}${siblings.length > 8 ? " and more" : ""}`
  }

  private problem({ key, place }: { readonly key: string; readonly place: Place }, message: string): void {
    this.problems.push({ place, key, message })
  }
}

/** Readings are shown, and logged: what is or holds a password is not in them. */
const withoutSecrets = ({ key, value }: Selected): unknown => {
  const isSecret = /passw|passphrase|secret|private|\bkey$|token/i.test(key.split(".").at(-1) ?? "")
  return isSecret || /\/\/[^/@\s]+@|passw/i.test(String(value)) ? "(not shown)" : value
}

const routeKnobsOf = (knobs: Knobs): Knobs =>
  Object.fromEntries(
    Object.entries(knobs).filter(([name]) => {
      const knob = knobsByName.get(name)
      return knob !== undefined && mayDiffer(knob)
    })
  )

const wholeClientOnly = (knob: Knob, match: string) => ({
  why: `${knob} holds for a whole client, and this is said of ${match} only`,
  todo: `give ${match} a client of its own`
})

/** Names, each with `[]` where it is an item of a list. */
const stepsOf = (path: Written["path"]): ReadonlyArray<string> =>
  path.flatMap((step, index) =>
    typeof step === "number" ? [] : [`${step}${typeof path[index + 1] === "number" ? "[]" : ""}`]
  )
