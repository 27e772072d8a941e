/**
 * One key of another system, as a row of that system's table: what it is called, how its value is written, its default,
 * what it sets here, or why it sets nothing. The tables are all that a dialect knows, and the documentation is made of
 * them.
 */
import type { Codec } from "./Codec.ts"
import type { Knob, Knobs, KnobValue } from "./Knob.ts"

/** What a key's `use` may look at. */
export interface Settings {
  /** The value in force for a key of the table: as written, else its default. */
  readonly get: (name: string) => KnobValue | undefined
  readonly isWritten: (name: string) => boolean
  readonly options: DialectOptions
}

/** What only the reader of a text knows. */
export interface DialectOptions {
  /** For messages and sources. */
  readonly file?: string
  /** Whose defaults hold. Default: the dialect's newest. */
  readonly version?: string
  /** Istio: the subset that calls go to. */
  readonly subset?: string
  /** Envoy: the cluster to read, where there are several. */
  readonly cluster?: string
  /** Spring: the profiles that are active. */
  readonly profiles?: ReadonlyArray<string>
  /** reactor-netty: processors of the machine, which its default depends on. Default 8. */
  readonly processorCount?: number
}

/** What a value does, where it is more than setting a knob. */
export interface Effects {
  readonly knobs?: Knobs
  readonly note?: string
  readonly unmapped?: Loss
  /** The value cannot be, given the others: what is wrong and what to do. */
  readonly problem?: string
}

/** Why a value is not honoured, and what to do instead. */
export interface Loss {
  readonly why: string
  readonly todo: string
}

export interface Key {
  /**
   * As that system writes it, dotted. `*` stands for any one name (a client, an address), which the value then holds
   * for; a last `**` for whatever is below.
   */
  readonly name: string
  /** Other names for it, older ones among them. Where several are written, the one named first here counts. */
  readonly aliases?: ReadonlyArray<string>
  readonly codec: Codec
  /** What that system does without it, as it writes values; by version where it changed. Absent: nothing. */
  readonly byDefault?: KnobValue | null | Readonly<Record<string, KnobValue | null>>
  /** The default where it follows from other settings, already as a value of ours. */
  readonly derive?: (settings: Settings) => KnobValue
  /** What it sets here. */
  readonly to?: Knob | ReadonlyArray<Knob>
  /** The knob it is written from when translating to this system. Default: the first of `to`. */
  readonly writes?: Knob
  /** Sets more than one knob, or depends on other keys. */
  readonly use?: (value: KnobValue, settings: Settings) => Effects
  /** What `use` does, for the documentation. */
  readonly means?: string
  /** Holds whenever the key is written. */
  readonly note?: string
  /** Not honoured. */
  readonly loss?: Loss
  /** The values for which nothing is lost, since Weir does the same anyway. */
  readonly isHonoured?: (value: KnobValue) => boolean
  /** The key that holds this one's unit (`SECONDS`). */
  readonly unitKey?: string
  /** Versions that have the key; absent: all. */
  readonly versions?: ReadonlyArray<string>
  /** File and line of that system's source, or its documentation. */
  readonly cite: string
}

/** The default of a key in a version; undefined: none. */
export const defaultIn = (key: Key, version: string): KnobValue | null | undefined => {
  const { byDefault } = key
  return typeof byDefault === "object" && byDefault !== null ? byDefault[version] : byDefault
}

/** Captured names, if the path is the key's. */
export const matchName = (name: string, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
  const pattern = name.split(".")
  const isOpen = pattern.at(-1) === "**"
  const fixed = isOpen ? pattern.slice(0, -1) : pattern
  if (isOpen ? path.length < fixed.length : path.length !== fixed.length) return undefined
  const captures: Array<string> = []
  for (const [index, part] of fixed.entries()) {
    const step = path[index] ?? ""
    if (part === "*") captures.push(step)
    else if (part !== step) return undefined
  }
  return captures
}
