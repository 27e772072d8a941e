/**
 * Agents for `node:http` and `node:https` whose sockets come from a client's pool: the limits, the queue, the deadlines
 * and the reasons of the pool hold for every library that takes an agent, together with the client's own calls.
 *
 * Node writes the request and reads the answer. So what the client's HTTP settings say does not hold here: no retry, no
 * time limit but the pool's own and the library's, and the strictness of Node's parser in place of ours.
 */
import { Agent, type IncomingMessage } from "node:http"
import { Agent as HttpsAgent } from "node:https"
import type { Duplex } from "node:stream"
import { checkServerIdentity } from "node:tls"
import type { WeirClientService } from "@weir/client"
import { PoolError } from "@weir/core"
import { type Client, serviceOf, WeirError } from "@weir/fetch"
import { Cause, Effect, Exit } from "effect"
import { systemError } from "./AdapterError.ts"
import { LeasedSocket } from "./LeasedSocket.ts"

/** An agent for each scheme, over the pool of one client. */
export interface PooledAgents {
  readonly http: Agent
  readonly https: HttpsAgent
}

/** For axios `{ httpAgent, httpsAgent }`, got `{ agent }`, node-fetch `{ agent }`, the AWS SDK's `NodeHttpHandler`. */
export const createAgents = (client: Client): PooledAgents => {
  const service = serviceOf(client)
  return { http: new PooledHttpAgent(service), https: new PooledHttpsAgent(service) }
}

/** What Node passes to `addRequest`, as far as it is read here. */
interface PendingRequest {
  destroyed: boolean
  reusedSocket: boolean
  readonly timeout?: number
  readonly res?: IncomingMessage | null
  destroy(error?: Error): unknown
  onSocket(socket: Duplex | null, error?: Error): void
}

interface ConnectOptions {
  readonly host?: string | null
  readonly hostname?: string | null
  readonly port?: number | string | null
}

class PooledHttpAgent extends Agent {
  readonly #service: WeirClientService

  constructor(service: WeirClientService) {
    // Without it Node would ask servers to close each connection.
    super({ keepAlive: true })
    this.#service = service
  }

  /** Node calls it once for each request, in place of its own pooling. */
  addRequest(request: PendingRequest, options: ConnectOptions): void {
    lease(this.#service, "http:", request, options)
  }

  /** The pool is the client's: `client.close()` closes it. */
  override destroy(): void {}
}

/** The same; an agent of its own class, for those who look at it. */
class PooledHttpsAgent extends HttpsAgent {
  readonly #service: WeirClientService

  constructor(service: WeirClientService) {
    super({ keepAlive: true })
    this.#service = service
  }

  addRequest(request: PendingRequest, options: ConnectOptions): void {
    lease(this.#service, "https:", request, options)
  }

  override destroy(): void {}
}

const lease = (
  service: WeirClientService,
  protocol: "http:" | "https:",
  request: PendingRequest,
  options: ConnectOptions
): void => {
  const refusal = refusalOf(protocol, options)
  if (refusal !== undefined) {
    request.onSocket(null, systemError(new WeirError("WEIR_INVALID_REQUEST", refusal)))
    return
  }
  const { pool } = service
  const exit = Effect.runSyncExit(service.origin(urlOf(protocol, options)))
  if (Exit.isFailure(exit)) {
    request.onSocket(null, systemError(Cause.squash(exit.cause)))
    return
  }
  // Node's own request is for the origin: it goes through a tunnel of a proxy, which is not asked to forward it.
  const { route } = exit.value.tunnelled ?? exit.value
  const idle = pool.leaseIdleUnsafe(route, undefined)
  if (idle !== undefined) {
    attach(request, new LeasedSocket(idle), idle.isReused)
    return
  }
  const { destroy } = request
  let isSettled = false
  const withdraw = pool.leaseUnsafe(route, undefined, (result) => {
    isSettled = true
    request.destroy = destroy
    if (result instanceof PoolError) request.onSocket(null, systemError(result))
    else attach(request, new LeasedSocket(result), result.isReused)
  })
  if (isSettled) return
  // A request that is given up while it waits leaves the queue at once; Node itself would wait for its socket.
  request.destroy = (error) => {
    request.destroy = destroy
    withdraw()
    const given = destroy.call(request, error)
    request.onSocket(null, error ?? Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }))
    return given
  }
}

const urlOf = (protocol: "http:" | "https:", { host, hostname, port }: ConnectOptions): URL => {
  const name = host ?? hostname ?? "localhost"
  const authority = name.includes(":") && !name.startsWith("[") ? `[${name}]` : name
  return new URL(`${protocol}//${authority}:${port ?? (protocol === "https:" ? 443 : 80)}`)
}

const attach = (request: PendingRequest, socket: LeasedSocket, isReused: boolean): void => {
  // Node emits it between two exchanges, and only if both sides want the connection kept. After an upgrade it does not:
  // the socket is the program's, and keeps its lease until it is closed.
  socket.once("free", () => socket.giveBack(keepAliveOf(request.res)))
  tellReused(request, isReused)
  request.onSocket(socket)
  if (request.timeout !== undefined && request.timeout > 0) socket.setTimeout(request.timeout)
}

/**
 * Deno's `node:http` sends any request again, a POST too, whose connection was used before and ends without an answer
 * (seen on 2.9.6). So there a request says that its connection was used before only when it has its answer.
 */
const tellReused = (request: PendingRequest, isReused: boolean): void => {
  if (!isReused || !("Deno" in globalThis)) request.reusedSocket = isReused
  else Object.defineProperty(request, "reusedSocket", { get: () => (request.res ?? null) !== null })
}

const keepAliveOf = (response: IncomingMessage | null | undefined): string | undefined => {
  const value = response?.headers["keep-alive"]
  return typeof value === "string" ? value : value?.[0]
}

/** Options of a request that would make its connection another one than the client's configuration says. */
const connectionOptions: ReadonlyArray<string> = ["createConnection", "localAddress", "lookup", "socketPath"]

/** Those that only TLS has; libraries set some of them for every request. */
const tlsOptions: ReadonlyArray<string> = [
  ...connectionOptions,
  "ca",
  "cert",
  "checkServerIdentity",
  "crl",
  "key",
  "maxVersion",
  "minVersion",
  "passphrase",
  "pfx",
  "secureContext"
]

const refusalOf = (protocol: "http:" | "https:", options: object): string | undefined => {
  const given = (protocol === "https:" ? tlsOptions : connectionOptions).filter((name) => {
    const value: unknown = Reflect.get(options, name)
    // Node's own check is ours as well.
    return value !== undefined && value !== null && value !== checkServerIdentity
  })
  if (protocol === "https:" && Reflect.get(options, "rejectUnauthorized") === false) {
    given.push("rejectUnauthorized: false")
  }
  if (given.length === 0) return undefined
  return `the pool's connections are made as the client is configured: give ${given.join(", ")} to createClient, not to the request`
}
