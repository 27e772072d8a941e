/**
 * Runs a script of the client world: the real client, pool and codec over the simulated network. Every answer has to be
 * the answer to its own request, nothing that must not be sent twice may come twice, and at the end everything has to be
 * closed and every byte accounted for.
 */
import { type Body, type ClientRequest, type ClientResponse, emptyBody, WeirClient } from "@weir/client"
import { SimulatedNetwork, Simulation } from "@weir/testkit"
import { Connector } from "@weir/transport"
import { Cause, Context, Effect, Exit, Layer, Logger, Scope, Stream } from "effect"
import { countMovesInto } from "../connectionMoves.ts"
import { type RunOptions, type RunResult, resultOf } from "../RunResult.ts"
import { Judge } from "../Violation.ts"
import { bytesOf, fromLatin1, latin1 } from "./bodies.ts"
import { type ClientScript, type Exchange, isCalm, type Rename } from "./ClientScript.ts"
import { addressOf, type ServedWorld, Servers } from "./Servers.ts"

const stepCountMax = 1_000_000
const requestMillis = 3000
/** A slow reader's pause between two pieces of a body. */
const slowReaderMillis = 3

export const runClientScript = (script: ClientScript, options: RunOptions = {}): RunResult =>
  new ClientWorld(script, options).run()

class ClientWorld implements ServedWorld {
  readonly script: ClientScript
  readonly simulation: Simulation
  readonly network: SimulatedNetwork
  readonly judge = new Judge()
  readonly trace: (line: () => string) => void
  private readonly tally = new Map<string, number>()
  private readonly isCalm: boolean
  private callCount = 0
  private settledCount = 0

  constructor(script: ClientScript, options: RunOptions) {
    const { bytesPerMilli, interleaving, seed, yieldRatio } = script
    this.script = script
    this.isCalm = isCalm(script)
    this.simulation = new Simulation({ seed, interleaving, yieldRatio })
    this.network = new SimulatedNetwork(this.simulation, {
      blackHoleRatio: script.blackHoleRatio,
      refusedRatio: script.refusedRatio,
      tlsFailRatio: script.tlsFailRatio,
      tlsStallRatio: script.tlsStallRatio,
      latencyMillisMax: script.latencyMillisMax,
      pieceByteCountMax: script.pieceByteCountMax,
      windowByteCount: script.windowByteCount,
      ...(bytesPerMilli === 0 ? {} : { bytesPerMilli })
    })
    const listener = options.trace
    this.trace = (line) =>
      listener?.(`${this.simulation.clock.elapsedMillis} ms, step ${this.simulation.stepCount}: ${line()}`)
    new Servers(this)
  }

  readonly count = (key: string): void => {
    this.tally.set(key, (this.tally.get(key) ?? 0) + 1)
  }

  run(): RunResult {
    const { judge, script, simulation } = this
    countMovesInto(this.tally)
    const logger = Logger.make<unknown, void>(({ message }) => {
      judge.must(false, "no defects", () => JSON.stringify(message))
    })
    const scope = Effect.runSync(Scope.make())
    const layer = WeirClient.layer({
      pool: {
        connectionsPerRouteMax: script.connectionsPerRouteMax,
        idleTimeout: script.idleTimeoutMillis,
        acquireTimeout: 2000,
        connectTimeout: 300
      },
      http: { responseHeadTimeout: 500, bodyIdleTimeout: 500, requestTimeout: requestMillis }
    }).pipe(Layer.provide(Layer.succeed(Connector, this.network.connector)))
    const built = simulation.run(
      Effect.provideService(Layer.buildWithScope(layer, scope), Logger.CurrentLoggers, new Set([logger]))
    )
    if (Exit.isFailure(built)) throw new Error(Cause.pretty(built.cause))
    const client = Context.get(built.value, WeirClient)
    let lastMillis = 0
    for (const [number, operation] of script.operations.entries()) {
      lastMillis = Math.max(lastMillis, operation.atMillis)
      this.count(`operation ${operation._tag}`)
      simulation.after(operation.atMillis + 1, () => {
        if (operation._tag === "Exchange") this.begin(client, number, operation)
        else this.rename(operation)
      })
    }
    simulation.after(lastMillis + 20_000, () => {
      judge.equal(this.settledCount, this.callCount, "every call is answered", "calls")
      simulation.fork(Scope.close(scope, Exit.void))
    })
    while (judge.violation === undefined && judge.step(() => simulation.step())) {
      judge.must(simulation.stepCount < stepCountMax, "no endless round", () => `${simulation.stepCount} steps`)
    }
    if (judge.violation === undefined) this.checkEnd()
    return this.result()
  }

  private rename({ address, host }: Rename): void {
    this.trace(() => `host${host} leads to ${address}`)
    this.network.setName(`host${host}`, address < 0 ? undefined : addressOf(host, address))
  }

  private begin(client: typeof WeirClient.Service, number: number, exchange: Exchange): void {
    const { host, interruptAfterMillis, method } = exchange
    const { judge, simulation } = this
    const isSecure = host === 1 && this.script.isSecondSecure
    const request: ClientRequest = {
      origin: client.originFor(isSecure, `host${host}`, isSecure ? 443 : 80),
      method,
      target: `/${number}`,
      headers: [],
      body: bodyOf(number, exchange)
    }
    this.callCount++
    this.trace(() => `call ${number} ${method}`)
    const startedAtMillis = simulation.clock.elapsedMillis
    // Who looks at the body from time to time only hears of the end as late as that.
    const heardAfterMillis = requestMillis + (exchange.reads === "slowly" ? slowReaderMillis : 0)
    const fiber = simulation.fork(
      Effect.flatMap(client.execute(request), (response) => this.read(number, exchange, response))
    )
    fiber.addObserver((exit) => {
      this.settledCount++
      const outcome = Exit.isSuccess(exit) ? "answered" : Cause.hasInterrupts(exit.cause) ? "interrupted" : "failed"
      this.trace(() => `${outcome} ${number}${Exit.isFailure(exit) ? `: ${String(Cause.squash(exit.cause))}` : ""}`)
      this.count(`caller ${outcome}`)
      if (Exit.isSuccess(exit)) return
      judge.must(!Cause.hasDies(exit.cause), "no defects", () => Cause.pretty(exit.cause))
      const isInTime = simulation.clock.elapsedMillis <= startedAtMillis + heardAfterMillis
      judge.must(isInTime, "deadlines kept to the millisecond", () => `call ${number}`)
      const isExcused = !this.isCalm || outcome === "interrupted"
      judge.must(isExcused, "where nothing goes wrong every call is answered", () => Cause.pretty(exit.cause))
    })
    if (interruptAfterMillis > 0) simulation.after(interruptAfterMillis, () => fiber.interruptUnsafe())
  }

  private read(number: number, exchange: Exchange, response: ClientResponse): Effect.Effect<void, unknown> {
    const pieces: Array<string> = []
    const hear = (bytes: Uint8Array) => Effect.sync(() => pieces.push(latin1(bytes)))
    const check = (isWhole: boolean) =>
      Effect.sync(() => this.check(number, exchange, response, pieces.join(""), isWhole))
    const { stream } = response
    switch (exchange.reads) {
      case "all":
        return Effect.flatMap(Effect.flatMap(response.bytes, hear), () => check(true))
      case "stream":
        return Effect.flatMap(Stream.runForEach(stream, hear), () => check(true))
      case "slowly":
        return Effect.flatMap(
          Stream.runForEach(stream, (bytes) => Effect.andThen(hear(bytes), Effect.sleep(slowReaderMillis))),
          () => check(true)
        )
      case "stops-early":
        return Effect.flatMap(Stream.runForEach(Stream.take(stream, 1), hear), () => check(false))
      case "discard":
        return Effect.sync(() => response.discard())
    }
  }

  private check(number: number, exchange: Exchange, response: ClientResponse, found: string, isWhole: boolean): void {
    const whole = bytesOf(number, "answered", exchange.answeredByteCount)
    this.judge.equal(
      response.head.get("x-number"),
      String(number),
      "every request gets its own answer",
      `call ${number}`
    )
    // A body that ends with its connection may have been cut without a trace (RFC 9112 section 8).
    const isRight = isWhole && exchange.framing !== "close" ? found === whole : whole.startsWith(found)
    this.judge.must(isRight, "every answer is whole and its own", () => `call ${number}: ${found.slice(0, 60)}`)
  }

  private checkEnd(): void {
    const { judge, network, simulation } = this
    judge.equal(network.openEndCount, 0, "all connections are closed", "ends")
    judge.equal(simulation.liveFiberCount, 0, "no fiber left", "fibers")
    judge.equal(simulation.clock.timerCount, 0, "no timer left", "timers")
    for (const { client, server } of network.connections) {
      for (const { counts } of [client, server]) {
        judge.equal(counts.read + counts.lost, counts.written, "every byte is accounted for", "bytes")
      }
    }
  }

  private result(): RunResult {
    const { judge, network, simulation, tally } = this
    tally.set("network connections", network.connections.length)
    for (const [fault, count] of network.dialFaults) tally.set(`fault dial: ${fault}`, count)
    return resultOf(judge, simulation, tally)
  }
}

const bodyOf = (number: number, { method, sends, sentByteCount }: Exchange): Body => {
  const text = bytesOf(number, "sent", method === "GET" ? 0 : sentByteCount)
  if (text === "") return emptyBody
  if (sends === "bytes") return { _tag: "Bytes", bytes: fromLatin1(text) }
  const third = Math.ceil(text.length / 3)
  const pieces = [text.slice(0, third), text.slice(third, 2 * third), text.slice(2 * third)].filter((one) => one !== "")
  const stream = Stream.fromIterable(pieces).pipe(
    Stream.mapEffect((piece) => Effect.as(Effect.sleep(1), fromLatin1(piece)))
  )
  return { _tag: "Stream", stream, byteCount: sends === "stream" ? undefined : text.length }
}
