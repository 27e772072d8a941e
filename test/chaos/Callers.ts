/**
 * Callers of every kind, who check every answer as it comes and keep count of what became of each call. As many call at
 * once as the tide has it.
 */
import { AsyncLocalStorage } from "node:async_hooks"
import { type ClientError, type ClientResponse, emptyBody, type WeirClientService } from "@weir/client"
import { Chance } from "@weir/testkit"
import { Cause, Effect, Exit, FiberSet, Stream } from "effect"
import { nameOf } from "./openClient.ts"
import {
  bodyOfAnswer,
  type ClientOrders,
  type FarmAddress,
  numberHeader,
  type PhaseReport,
  postByteCountMax
} from "./Protocol.ts"
import { Starvation } from "./Starvation.ts"

/** More callers than connections, so that there is always a queue, and less than it may hold, but for a few. */
export const callerCount = 60
export const requestMillis = 4000
/** A call that is late by more than this has been forgotten by somebody. */
const graceMillis = 5000
/** Between two answers that are left lying: each holds a connection until the client takes it back. */
const leakMillis = 500

/**
 * Repeats an effect until the scope closes, each time in a fiber of its own that nothing binds to the one before, as a server
 * does with its requests. (On Deno 2.9.6 an `AsyncResource` that is made in the scope of another holds it, and Effect
 * makes one for each time that a fiber waits: a fiber that never ends holds half a kilobyte for each.)
 */
const makeEndless = Effect.gen(function* () {
  const fork = yield* FiberSet.makeRuntime<never>()
  const outside = AsyncLocalStorage.snapshot()
  return (step: Effect.Effect<void>): void => {
    const again = (): void => {
      fork(step).addObserver((exit) => {
        if (Exit.isSuccess(exit)) outside(again)
      })
    }
    outside(again)
  }
})

export class Callers {
  /** So many of them call. */
  tide = callerCount
  /** What befell a call is told apart by whether it had begun before the phase. */
  phaseNumber = 0
  readonly starvation = new Starvation()
  private readonly client: WeirClientService
  private readonly servers: ReadonlyArray<FarmAddress>
  private readonly chance: Chance
  private nextNumber = 1
  private outcomes: Record<string, number> = {}
  private findings: Array<string> = []
  private answeredPosts: Array<number> = []

  constructor(client: WeirClientService, { seed, servers }: ClientOrders) {
    this.client = client
    this.servers = servers
    this.chance = new Chance(seed)
  }

  /** Hears of each answer that was whole. */
  onAnswered: () => void = () => {}

  find(finding: string): void {
    this.findings.push(finding)
  }

  /** What has come about since it was last taken. */
  take(): Pick<PhaseReport, "outcomes" | "findings" | "answeredPosts" | "starvedMillis"> {
    const { answeredPosts, findings, outcomes } = this
    this.answeredPosts = []
    this.findings = []
    this.outcomes = {}
    return { answeredPosts, findings, outcomes, starvedMillis: this.starvation.totalMillis }
  }

  /** Calls without end, until it is interrupted. */
  get run(): Effect.Effect<void> {
    const callers = Array.from({ length: callerCount }, (_, index) =>
      Effect.suspend(() => (index < this.tide ? this.callOnce : Effect.sleep(50)))
    )
    return Effect.scoped(
      Effect.gen({ self: this }, function* () {
        const endless = yield* makeEndless
        for (const step of [...callers, this.leak, this.leaseAs("urgent"), this.leaseAs("background")]) endless(step)
        return yield* Effect.never
      })
    )
  }

  /** Calls each server once; again where the machine is too busy for an answer. */
  get callEach(): Effect.Effect<void> {
    const calls = this.servers.map((server) =>
      Effect.retry(
        Effect.suspend(() => this.exchange(this.nextNumber++, server, false)),
        { times: 20 }
      )
    )
    return Effect.orDie(Effect.all(calls, { discard: true }))
  }

  private get someServer(): FarmAddress {
    const server = this.servers[this.chance.below(this.servers.length)]
    if (server === undefined) throw new Error("the client was told of no server")
    return server
  }

  private originOf({ host, isSecure, port }: FarmAddress) {
    return this.client.originFor(isSecure, host, port)
  }

  private count(outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1
  }

  private begunIn(phaseNumber: number): string {
    return phaseNumber === this.phaseNumber ? "" : ", begun before"
  }

  private exchange(number: number, server: FarmAddress, isPost: boolean): Effect.Effect<void, ClientError> {
    const request = {
      origin: this.originOf(server),
      method: isPost ? "POST" : "GET",
      target: `/${number}`,
      headers: [],
      body: isPost ? postBody(number) : emptyBody,
      expectsContinue: isPost && this.chance.below(8) === 0,
      holder: `caller of ${number}`
    }
    return Effect.flatMap(this.client.execute(request), (response) =>
      Effect.tap(this.check(number, response), () =>
        Effect.sync(() => {
          if (isPost) this.answeredPosts.push(number)
        })
      )
    )
  }

  private readonly callOnce: Effect.Effect<void> = Effect.suspend(() => {
    const { chance, phaseNumber } = this
    const number = this.nextNumber++
    const begunMillis = performance.now() - this.starvation.totalMillis
    const exchange = this.exchange(number, this.someServer, chance.below(3) === 0)
    const isImpatient = chance.below(12) === 0
    const bounded = isImpatient ? Effect.timeoutOption(exchange, chance.below(100)) : exchange
    return Effect.flatMap(Effect.exit(bounded), (exit) => {
      const lastedMillis = performance.now() - this.starvation.totalMillis - begunMillis
      if (lastedMillis > requestMillis + graceMillis) this.find(`${number} took ${Math.round(lastedMillis)} ms`)
      if (Exit.isSuccess(exit)) {
        this.count(isImpatient ? "given up or answered" : "answered")
        this.onAnswered()
        return Effect.void
      }
      const error = Cause.findErrorOption(exit.cause)
      if (error._tag === "Some") this.count(`${nameOf(error.value)}${this.begunIn(phaseNumber)}`)
      else if (!Cause.hasInterrupts(exit.cause)) this.find(`${number} died: ${Cause.pretty(exit.cause)}`)
      // Who was refused comes back a little later, as callers do.
      return Effect.sleep(5 + chance.below(20))
    })
  })

  /** Reads the answer and compares each byte with what belongs to the number. */
  private check(number: number, response: ClientResponse): Effect.Effect<void, ClientError> {
    return Effect.gen({ self: this }, function* () {
      if (response.status !== 200) {
        this.find(`${number} was answered with status ${response.status}`)
        return response.discard()
      }
      const said = response.head.get(numberHeader)
      if (said !== String(number)) this.find(`${number} got the answer to ${said}`)
      const expected = bodyOfAnswer(number)
      const style = this.chance.below(4)
      if (style === 0) {
        // A reader that stops early.
        response.discard()
        return
      }
      if (style === 1) {
        let got = ""
        const decoder = new TextDecoder()
        yield* Stream.runForEach(response.stream, (piece) =>
          Effect.sync(() => {
            got += decoder.decode(piece, { stream: true })
          })
        )
        if (got !== expected) this.find(`${number} got a streamed body of ${got.length} bytes that is not its own`)
        return
      }
      const text = yield* response.text
      if (text !== expected) this.find(`${number} got a body of ${text.length} bytes that is not its own`)
    })
  }

  /** Asks for more than the client keeps, and forgets the answer: its connection is the client's to take back. */
  private readonly leak: Effect.Effect<void> = Effect.suspend(() => {
    const number = this.nextNumber++
    const request = {
      origin: this.originOf(this.someServer),
      method: "GET",
      target: `/${number}?long`,
      headers: [],
      body: emptyBody,
      holder: `who forgets ${number}`
    }
    return this.client.execute(request).pipe(
      Effect.match({
        onSuccess: () => this.count("left lying"),
        onFailure: (error) => this.count(`${nameOf(error)}, to be left lying`)
      }),
      Effect.andThen(Effect.sleep(leakMillis))
    )
  })

  /** Leases a connection in another class than the calls, and uses it for nothing. */
  private leaseAs(priority: "urgent" | "background"): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { phaseNumber } = this
      const { route } = this.originOf(this.someServer)
      const use = Effect.sleep(this.chance.below(10))
      return this.client.pool
        .use(route, () => use, { priority, holder: `${priority} caller` })
        .pipe(
          Effect.match({
            onSuccess: () => this.count(`${priority} lease`),
            onFailure: (error) => this.count(`${priority} lease ${nameOf(error)}${this.begunIn(phaseNumber)}`)
          }),
          Effect.andThen(Effect.sleep(20))
        )
    })
  }
}

const postBody = (number: number) => {
  const bytes = new Uint8Array(1 + ((number * 31) % postByteCountMax)).fill(65 + (number % 26))
  const stream = Stream.fromIterable([bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)])
  return number % 3 === 0
    ? ({ _tag: "Stream", stream, isReplayable: number % 2 === 0 } as const)
    : ({ _tag: "Bytes", bytes } as const)
}
