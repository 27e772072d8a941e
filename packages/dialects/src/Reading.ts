/**
 * What reading another system's configuration gives: settings that work here, each with where it came from, and
 * everything that could not be carried over. Nothing of the input is missing from all three.
 */
import type { ClientConfig } from "@weir/client"
import { Data } from "effect"
import type { Knob, KnobValue } from "./Knob.ts"

/** Where something is written. Lines count from 1; an object in memory has none. */
export interface Place {
  readonly file?: string
  readonly line?: number
}

/** One value in force. */
export interface Entry {
  readonly knob: Knob
  readonly value: KnobValue
  /** The routes it holds for, as a pattern of `scheme://host:port`; `*` for all. */
  readonly match: string
  /** `ribbon.MaxConnectionsPerHost, application.yaml line 12`, or whose default it is. */
  readonly source: string
  /**
   * `written`: in the input. `default`: that system's own default. `absent`: the system has no such limit, and so none
   * holds here.
   */
  readonly kind: "written" | "default" | "absent"
}

/** A value that is honoured, and something its author would not expect. */
export interface Note {
  readonly source: string
  readonly message: string
}

/** A value that is not honoured. */
export interface Unmapped {
  readonly key: string
  readonly value: unknown
  readonly source: string
  readonly why: string
  /** What to do instead. */
  readonly todo: string
}

export interface Reading {
  /** The dialect's id: `istio`. */
  readonly dialect: string
  /** The version whose defaults hold. */
  readonly version: string
  /** For `createClient({ from })` and `WeirHttpClient.layer({ from })`. */
  readonly config: ClientConfig
  /** What `config` says, value by value. */
  readonly entries: ReadonlyArray<Entry>
  readonly notes: ReadonlyArray<Note>
  readonly unmapped: ReadonlyArray<Unmapped>
}

/** Something that keeps the input from being used. */
export interface Problem {
  readonly place: Place
  /** As written; empty for the whole text. */
  readonly key: string
  /** What is wrong and what to do: one clause, no full stop. */
  readonly message: string
}

/** The input cannot be used; every problem at once, nothing of it applied. */
export class DialectError extends Data.TaggedError("DialectError")<{
  readonly title: string
  readonly problems: ReadonlyArray<Problem>
}> {
  override get message(): string {
    const count = this.problems.length === 1 ? "1 problem" : `${this.problems.length} problems`
    return [
      `${this.title}: ${count}; nothing was applied.`,
      ...this.problems.map((one) => `  ${formatProblem(one)}`)
    ].join("\n")
  }
}

/** `application.yaml:12: ribbon.MaxConnections: unknown key; did you mean …?` */
export const formatProblem = ({ key, message, place: { file, line } }: Problem): string => {
  const at =
    file === undefined ? (line === undefined ? [] : [`line ${line}`]) : [line === undefined ? file : `${file}:${line}`]
  return [...at, ...(key === "" ? [] : [key]), message].join(": ")
}

/** `ribbon.MaxConnectionsPerHost, application.yaml line 12`. */
export const sourceOf = (key: string, { file, line }: Place): string => {
  const at = [file, line === undefined ? undefined : `line ${line}`].filter((part) => part !== undefined).join(" ")
  return at === "" ? key : `${key}, ${at}`
}
