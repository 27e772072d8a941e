/**
 * The command line: fortio's flags, its summary on stdout, and what happens meanwhile on stderr.
 */
import type { Connector } from "@weir/transport"
import { Console, Effect, Option } from "effect"
import { Argument, CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { normaliseArguments, parseDurationMillis } from "./FortioArguments.ts"
import { runLoad } from "./Load.ts"
import { defaults, type LoadNotice, type LoadOptions } from "./LoadOptions.ts"
import { planLoad } from "./LoadPlan.ts"
import { makeProgressBar } from "./ProgressBar.ts"
import { formatSummary } from "./Summary.ts"

const logLevels = ["Debug", "Verbose", "Info", "Warning", "Error", "Critical", "Fatal"] as const

const durationFlag = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("duration"),
    Flag.filterMap(parseDurationMillis, () => "a duration such as 5s, 250ms or 1m30s")
  )

const parseRate = (text: string): Option.Option<number | "max"> => {
  if (text === "max") return Option.some(text)
  const rate = text.trim() === "" ? Number.NaN : Number(text)
  // fortio takes 0 and below for the highest speed.
  return Number.isFinite(rate) ? Option.some(rate <= 0 ? "max" : rate) : Option.none()
}

const parseHeader = (text: string): Option.Option<readonly [name: string, value: string]> => {
  const colon = text.indexOf(":")
  return colon < 1 ? Option.none() : Option.some([text.slice(0, colon).trim(), text.slice(colon + 1).trim()])
}

/** fortio takes a level in any case. */
const parseLogLevel = (text: string): Option.Option<(typeof logLevels)[number]> =>
  Option.fromUndefinedOr(logLevels.find((level) => level.toLowerCase() === text.toLowerCase()))

const flags = {
  concurrency: Flag.Int("connections").pipe(
    Flag.withAlias("c"),
    Flag.withDescription("Callers at once, each with one connection"),
    Flag.withDefault(defaults.concurrency)
  ),
  requestCount: Flag.Int("calls").pipe(
    Flag.withAlias("n"),
    Flag.withDescription("Run for exactly this number of calls instead of a duration; 0: use the duration"),
    Flag.withDefault(0)
  ),
  durationMillis: durationFlag("duration").pipe(
    Flag.withAlias("t"),
    Flag.withDescription("How long to run, 5s where not given; 0: until interrupted"),
    Flag.withDefault(defaults.durationMillis)
  ),
  qps: Flag.String("qps").pipe(
    Flag.withMetavar("rate"),
    Flag.withDescription("Calls per second over all connections; 0 or max: as fast as the answers come"),
    Flag.filterMap(parseRate, () => "a number of calls per second, or max"),
    Flag.withDefault(defaults.qps)
  ),
  headers: Flag.String("header").pipe(
    Flag.withAlias("H"),
    Flag.withMetavar("name: value"),
    Flag.withDescription("A header to send; may be given more than once"),
    Flag.filterMap(parseHeader, () => "name: value"),
    Flag.atLeast(0)
  ),
  method: Flag.String("method").pipe(
    Flag.withAlias("X"),
    Flag.withDescription("The method instead of GET, or POST with a payload"),
    Flag.optional
  ),
  payload: Flag.String("payload").pipe(Flag.withDescription("The body of every call"), Flag.optional),
  timeoutMillis: durationFlag("timeout").pipe(
    Flag.withDescription("How long one call may take, with its connect; 3s where not given"),
    Flag.withDefault(defaults.timeoutMillis)
  ),
  isInsecure: Flag.Boolean("insecure").pipe(
    Flag.withAlias("k"),
    Flag.withDescription("Accept any certificate"),
    Flag.withDefault(false)
  ),
  logLevel: Flag.String("loglevel").pipe(
    Flag.withMetavar("level"),
    Flag.withDescription(`From where on to write to stderr during the run: ${logLevels.join(", ")}`),
    Flag.filterMap(parseLogLevel, () => `one of ${logLevels.join(", ")}`),
    Flag.withDefault("Info" as const)
  ),
  isJson: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the report as JSON, and nothing else, on stdout"),
    Flag.withDefault(false)
  ),
  url: Argument.String("url").pipe(Argument.withDescription("http://host:port/path"))
}

/** Ctrl-C once: the run ends with its summary. The second is the system's own and ends the process. */
const interrupted = Effect.callback<void>((resume) => {
  const onInterrupt = () => resume(Effect.void)
  process.once("SIGINT", onInterrupt)
  return Effect.sync(() => process.removeListener("SIGINT", onInterrupt))
})

const command = Command.make("weir-load", flags, (input) => {
  const isLogged = (level: LoadNotice["level"]) => logLevels.indexOf(level) >= logLevels.indexOf(input.logLevel)
  const options: LoadOptions = {
    url: input.url,
    concurrency: input.concurrency,
    ...(input.requestCount === 0 ? {} : { requestCount: input.requestCount }),
    duration: input.durationMillis === 0 ? Number.POSITIVE_INFINITY : input.durationMillis,
    qps: input.qps,
    headers: input.headers,
    ...(Option.isSome(input.method) ? { method: input.method.value } : {}),
    ...(Option.isSome(input.payload) ? { payload: input.payload.value } : {}),
    timeout: input.timeoutMillis,
    verification: input.isInsecure ? "unverified" : "full"
  }
  const run = Effect.scoped(
    Effect.gen(function* () {
      const plan = yield* Effect.fromResult(planLoad(options))
      if (isLogged("Warning")) yield* Console.error(plan.description)
      const bar = yield* makeProgressBar(process.stderr, plan.requestCount, plan.durationMillis)
      return yield* runLoad({
        ...options,
        stop: interrupted,
        observer: {
          onProgress: bar.update,
          onNotice: ({ level, message }) => {
            if (isLogged(level)) bar.writeLine(`${level.slice(0, 1)} ${message}`)
          }
        }
      })
    })
  )
  return Effect.flatMap(run, (report) =>
    Console.log(input.isJson ? JSON.stringify(report, undefined, 2) : formatSummary(report))
  )
}).pipe(Command.withDescription("Calls a URL in a closed loop and reports the latencies, as fortio load does"))

/** A wrong flag gets its error and the way to the help, not the whole help. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          [...event.errors.map((error) => `weir-load: ${error.message}`), "weir-load --help lists the flags"].join("\n")
        )
      : CliOutput.defaultPresenter.present(event)
}

/**
 * Runs one command line. Succeeds with the status to exit with: 0 after a run, whatever its calls' codes; 1 when
 * nothing could be measured; 2 when the flags, the URL or the request are wrong.
 */
export const runCommandLine = (
  args: ReadonlyArray<string>
): Effect.Effect<number, never, Connector | Command.Environment> =>
  Command.runWith(command, { version: manifest.version })(normaliseArguments(args)).pipe(
    Effect.as(0),
    Effect.catchTag("LoadError", (error) =>
      Effect.as(
        Console.error(`weir-load: ${error.message}`),
        error.reason === "InvalidOption" || error.reason === "InvalidRequest" ? 2 : 1
      )
    ),
    // Already told by the presenter.
    Effect.catch(() => Effect.succeed(2)),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }))
  )
