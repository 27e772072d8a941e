/**
 * The other end of a connection, for suites: a server in a Node process of its own, so that no runtime meets itself.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { afterAll, assert, beforeAll } from "@effect/vitest"
import { Target } from "@weir/transport"
import { Effect, type Scope } from "effect"
import { expectNoSocketsTo } from "../../support/openSockets.ts"
import { nodeProgram } from "../programs.ts"
import type { Accepted, Answer, Answers, ListenOptions, Payload, Received, Request } from "./Protocol.ts"

type Op = Request["op"]

class PeerProcess {
  readonly #child: ChildProcess
  readonly #waiting = new Map<string, (json: string) => void>()
  readonly #ended: Promise<void>
  #requestCount = 0

  constructor() {
    const program = fileURLToPath(new URL("PeerProcess.ts", import.meta.url))
    this.#child = spawn(nodeProgram, [program], { stdio: ["pipe", "pipe", "inherit"] })
    if (this.#child.stdout === null) throw new Error("the peer process has no standard output")
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (status) => {
        for (const hear of this.#waiting.values()) hear(JSON.stringify({ failure: `it ended with status ${status}` }))
        resolve()
      })
    })
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      const [id = ""] = line.split(" ", 1)
      this.#waiting.get(id)?.(line.slice(id.length))
      this.#waiting.delete(id)
    })
  }

  ask<O extends Op>(request: Extract<Request, { readonly op: O }>): Effect.Effect<Answers[O]> {
    return Effect.callback<Answers[O]>((resume) => {
      const id = String(this.#requestCount++)
      this.#waiting.set(id, (json) => {
        const answer: Answer<Answers[O]> = JSON.parse(json)
        if ("value" in answer) resume(Effect.succeed(answer.value))
        else resume(Effect.die(new Error(`the peer could not ${request.op}: ${answer.failure}`)))
      })
      this.#child.stdin?.write(`${id} ${JSON.stringify(request)}\n`)
    })
  }

  stop(): Promise<void> {
    this.#child.stdin?.end()
    return this.#ended
  }
}

let running: PeerProcess | undefined

/** Gives the suite in whose file it is called a peer process. */
export const usePeers = (): void => {
  beforeAll(() => {
    running = new PeerProcess()
  })
  afterAll(() => running?.stop())
}

const ask = <O extends Op>(request: Extract<Request, { readonly op: O }>): Effect.Effect<Answers[O]> =>
  Effect.suspend(() => {
    assert.isDefined(running, "call usePeers() in this file")
    return running.ask<O>(request)
  })

const payloadOf = (bytes: string | Payload): Payload => (typeof bytes === "string" ? { latin1: bytes } : bytes)

/** The peer's side of one connection. It reads only when asked to. */
export interface PeerSocket extends Accepted {
  /** Done when the peer's system has taken all of it. */
  readonly write: (bytes: string | Payload) => Effect.Effect<void>
  /** Done at once; the peer sends as fast as it may. */
  readonly startWrite: (bytes: string | Payload) => Effect.Effect<void>
  readonly end: (bytes?: string | Payload) => Effect.Effect<void>
  readonly destroy: Effect.Effect<void>
  readonly reset: Effect.Effect<void>
  readonly queuedByteCount: Effect.Effect<number>
  /** The next bytes that arrive, as Latin-1. */
  readonly nextText: Effect.Effect<string>
  /** All that arrives up to FIN or to so many bytes. */
  readonly received: (byteCountMax?: number) => Effect.Effect<Received>
  /** As `received`, but the peer takes one piece per turn of its event loop. */
  readonly receivedSlowly: Effect.Effect<Received>
  /** `FIN` after an orderly end, or the code of an error. */
  readonly ended: Effect.Effect<string>
}

const socketOf = (accepted: Accepted): PeerSocket => {
  const { socket } = accepted
  return {
    ...accepted,
    write: (bytes) => ask<"write">({ op: "write", socket, payload: payloadOf(bytes) }),
    startWrite: (bytes) => ask<"startWrite">({ op: "startWrite", socket, payload: payloadOf(bytes) }),
    end: (bytes) => ask<"end">({ op: "end", socket, ...(bytes === undefined ? {} : { payload: payloadOf(bytes) }) }),
    destroy: ask<"destroy">({ op: "destroy", socket }),
    reset: ask<"reset">({ op: "reset", socket }),
    queuedByteCount: ask<"queuedByteCount">({ op: "queuedByteCount", socket }),
    nextText: ask<"next">({ op: "next", socket }),
    received: (byteCount) =>
      ask<"receive">({ op: "receive", socket, ...(byteCount === undefined ? {} : { byteCount }) }),
    receivedSlowly: ask<"receive">({ op: "receive", socket, isSlow: true }),
    ended: ask<"ended">({ op: "ended", socket })
  }
}

export interface Peer {
  /** For TLS by the name that its certificate carries. */
  readonly address: Target.Address
  /** 0 for a Unix socket. */
  readonly port: number
  /** The next accepted connection, in order of arrival; for TLS: after the handshake. */
  readonly accept: Effect.Effect<PeerSocket>
  /** Only of a relay, see `Protocol.ts`. */
  readonly setBroken: (isBroken: boolean) => Effect.Effect<void>
  readonly resetClients: Effect.Effect<void>
  readonly wire: Effect.Effect<Buffer>
}

/** Listens until the scope closes; by then the suite has to have closed each connection to it. */
export const makePeer = (options: ListenOptions = {}): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { path, port, server } = yield* Effect.acquireRelease(
      ask<"listen">({ op: "listen", options }),
      ({ port, server }) => Effect.andThen(expectNoSocketsTo(port), ask<"close">({ op: "close", server }))
    )
    const isSecured = options.tls !== undefined || options.relayTo !== undefined
    return {
      address: path === "" ? Target.tcp(isSecured ? "localhost" : "127.0.0.1", port) : Target.unix(path),
      port,
      accept: Effect.map(ask<"accept">({ op: "accept", server }), socketOf),
      setBroken: (isBroken) => ask<"break">({ op: "break", server, isBroken }),
      resetClients: ask<"resetClients">({ op: "resetClients", server }),
      wire: Effect.map(ask<"wire">({ op: "wire", server }), (sent) => Buffer.from(sent, "latin1"))
    }
  })
