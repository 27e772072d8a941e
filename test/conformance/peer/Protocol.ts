/**
 * What a suite and its peer process say to each other: one request or one answer a line, its number and JSON.
 */

/** Bytes, told in few words: long ones are made from their number at both ends. */
export type Payload = { readonly latin1: string } | { readonly patternByteCount: number; readonly seed: number }

/** What a server does with each connection it accepts, before anyone asks. */
export type Greeting =
  /** Sends this and ends. */
  | { readonly sendAndEnd: Payload }
  | { readonly send: Payload }
  /** As soon as the first bytes arrive. */
  | { readonly onceSpokenTo: "end" | "reset" }
  /** Reads and forgets, and ends when the other side does. Nobody can ask for such a connection. */
  | "absorb"

/** The settings of a `node:tls` server; certificates and keys are PEM text, ticket keys Latin-1. */
export interface PeerTls {
  readonly cert: string
  readonly key: string
  readonly ca?: string
  readonly requestCert?: boolean
  readonly rejectUnauthorized?: boolean
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3"
  readonly ALPNProtocols?: ReadonlyArray<string>
  readonly ticketKeys?: string
}

export interface ListenOptions {
  readonly listen?: "tcp" | "unix"
  /** Default: 127.0.0.1. */
  readonly host?: string
  readonly tls?: PeerTls
  readonly greeting?: Greeting
  /** Passes every connection on to this port of 127.0.0.1, and notes what its client sends. */
  readonly relayTo?: number
}

export type Request =
  | { readonly op: "listen"; readonly options: ListenOptions }
  /** Closes the server with all it has accepted. */
  | { readonly op: "close"; readonly server: number }
  /** Waits for the next connection accepted; over TLS, for the end of its handshake. */
  | { readonly op: "accept"; readonly server: number }
  /** A relay: from now on every connection is destroyed as soon as it is accepted, or no longer. */
  | { readonly op: "break"; readonly server: number; readonly isBroken: boolean }
  /** A relay: resets its clients. */
  | { readonly op: "resetClients"; readonly server: number }
  /** A relay: waits for the end of its first client, and tells what that sent, in Latin-1. */
  | { readonly op: "wire"; readonly server: number }
  /** Answered when the system has taken all of it. */
  | { readonly op: "write"; readonly socket: number; readonly payload: Payload }
  /** Answered at once. */
  | { readonly op: "startWrite"; readonly socket: number; readonly payload: Payload }
  | { readonly op: "end"; readonly socket: number; readonly payload?: Payload }
  | { readonly op: "destroy"; readonly socket: number }
  | { readonly op: "reset"; readonly socket: number }
  /** How many bytes wait to be sent. */
  | { readonly op: "queuedByteCount"; readonly socket: number }
  /** The next bytes that arrive, in Latin-1. */
  | { readonly op: "next"; readonly socket: number }
  /** All that arrives up to FIN or to so many bytes; slowly: one piece a turn of the event loop. */
  | { readonly op: "receive"; readonly socket: number; readonly byteCount?: number; readonly isSlow?: boolean }
  /** Waits for the end: `FIN` or the code of an error. */
  | { readonly op: "ended"; readonly socket: number }

/** What is told of an accepted connection. */
export interface Accepted {
  readonly socket: number
  readonly remoteAddress: string
  readonly remotePort: number
  /** The SNI of a TLS client, if it sent one. */
  readonly serverName?: string
  /** The common name of the client's certificate, if it was accepted. */
  readonly clientName?: string
}

export interface Received {
  readonly byteCount: number
  readonly sha256: string
}

/** The answer to each request. */
export interface Answers {
  readonly listen: { readonly server: number; readonly port: number; readonly path: string }
  readonly close: null
  readonly accept: Accepted
  readonly break: null
  readonly resetClients: null
  readonly wire: string
  readonly write: null
  readonly startWrite: null
  readonly end: null
  readonly destroy: null
  readonly reset: null
  readonly queuedByteCount: number
  readonly next: string
  readonly receive: Received
  readonly ended: string
}

export type Answer<A> = { readonly value: A } | { readonly failure: string }

/** The bytes of a payload. Those of a pattern repeat nowhere soon, so that any two pieces exchanged would show. */
export const bytesOf = (payload: Payload): Buffer => {
  if ("latin1" in payload) return Buffer.from(payload.latin1, "latin1")
  const bytes = Buffer.alloc(payload.patternByteCount)
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    bytes.writeUInt32LE(((at + payload.seed) * 2_654_435_761) >>> 0, at)
  }
  return bytes
}
