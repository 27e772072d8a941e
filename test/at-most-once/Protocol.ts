/**
 * What the suite and its saboteur, a server in a process of its own, say to each other: one JSON text a line, commands
 * on the server's standard input, one answer to each on its standard output.
 */

/** How the server ends a connection. `close`: both ways at once, FIN or RST as the system finds unread bytes. */
export type Way = "FIN" | "RST" | "close"

/** Where in the life of a connection the server ends it. Bytes are counted within one exchange. */
export type Place =
  | { readonly at: "accept" }
  | { readonly at: "request"; readonly byteCount: number }
  | { readonly at: "response"; readonly byteCount: number }
  /** So long after the last answer, or after the accept, whatever is going on by then. */
  | { readonly at: "idle"; readonly delayMillis: number }

export interface Sabotage {
  readonly place: Place
  readonly way: Way
}

/** A request's line on one connection, as the server met it. */
export interface Sighting {
  /** The unique number that the request carries in its target. */
  readonly number: number
  readonly method: string
  /** Which of the connection's requests it was, from 1. */
  readonly ordinal: number
  /** Has all of it come, body included? */
  isComplete: boolean
  /** False: its body was not the one that belongs to its number. */
  isIntact: boolean
  /** Bytes of an answer that the server wrote, 1xx included. */
  sentByteCount: number
}

/** How long the last whole exchange was. */
export interface Lengths {
  readonly requestByteCount: number
  readonly responseByteCount: number
}

export interface Report {
  readonly sightings: ReadonlyArray<Sighting>
  /** Connections that the client left open. */
  readonly openCount: number
  /** Requests that came before their predecessor had been answered. */
  readonly overtakenCount: number
  readonly connectionCount: number
  /** How often each sabotage was carried out: `FIN at request`. */
  readonly sabotageCounts: Readonly<Record<string, number>>
}

export type Command =
  /** Every exchange is answered but the next one, or the next connection accepted. */
  | { readonly op: "sabotage"; readonly sabotage: Sabotage }
  /** Ends every idle connection now. */
  | { readonly op: "endIdle"; readonly way: Way }
  /** From now on sabotage is drawn at random. */
  | { readonly op: "random"; readonly seed: number }
  | { readonly op: "lengths" }
  /** Waits until every connection has been closed, but not for ever. */
  | { readonly op: "report" }

export interface Answers {
  readonly sabotage: true
  readonly endIdle: true
  readonly random: true
  readonly lengths: Lengths
  readonly report: Report
}

/** The body that belongs to a number. */
export const bodyOf = (number: number, byteCount: number): string =>
  `${number} `.repeat(Math.ceil(byteCount / `${number} `.length)).slice(0, byteCount)

/** What the server answers to a number, and nothing else may be taken for it. */
export const echoOf = (number: number): string => `answer to ${number}`
