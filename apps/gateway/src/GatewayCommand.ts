/**
 * The gateway's command line.
 */
import type { Connector } from "@weir/transport"
import { Console, Data, Effect, Option, References } from "effect"
import { CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { formatFinding } from "./config/Finding.ts"
import { loadFolder } from "./config/loadFolder.ts"
import { runDemo } from "./demo/Demo.ts"
import { type Gateway, type GatewayOptions, serve } from "./Gateway.ts"
import { formatAccess } from "./proxy/AccessLog.ts"
import { stopSignal } from "./StopSignal.ts"
import { urlOf, whereabouts } from "./whereabouts.ts"

const defaultPort = 8080
const defaultAdminPort = 8081

const port = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("port"),
    Flag.withDescription(description),
    Flag.filter(
      (value) => value >= 0 && value <= 65_535,
      (value) => `expected a port from 0 to 65535, got ${value}`
    ),
    Flag.optional
  )

const flags = {
  config: Flag.String("config").pipe(
    Flag.withMetavar("folder"),
    Flag.withDescription("Serve the Istio YAML in this folder; without it, the embedded experiment runs"),
    Flag.optional
  ),
  isLenient: Flag.Boolean("lenient").pipe(
    Flag.withDescription("Warn of unknown and unsupported fields instead of refusing them"),
    Flag.withDefault(false)
  ),
  host: Flag.String("host").pipe(
    Flag.withDescription("The address to listen on for requests; 0.0.0.0 for all, 127.0.0.1 where not given"),
    Flag.withDefault("127.0.0.1")
  ),
  port: port("port", `The port for requests; where not given, ${defaultPort} or the next free one`),
  adminHost: Flag.String("admin-host").pipe(
    Flag.withDescription("The address to listen on for operators; 127.0.0.1 where not given"),
    Flag.withDefault("127.0.0.1")
  ),
  adminPort: port(
    "admin-port",
    `The port for /stats and /pools; where not given, ${defaultAdminPort} or the next free one`
  ),
  isQuiet: Flag.Boolean("quiet").pipe(Flag.withDescription("No access log"), Flag.withDefault(false)),
  isExiting: Flag.Boolean("exit").pipe(Flag.withDescription("Leave after the experiment"), Flag.withDefault(false)),
  isJson: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the experiment as JSON, and nothing else, on stdout"),
    Flag.withDefault(false)
  )
}

/** Flags that each are right and together are not. */
class FlagError extends Data.TaggedError("FlagError")<{ readonly message: string }> {}

const command = Command.make("weir-gateway", flags, (input) => {
  const log = accessLog(input.isJson ? process.stderr : process.stdout)
  // The access log belongs to serving; during the loads it would bury the table.
  let isLogging = Option.isSome(input.config) && !input.isQuiet
  const say = input.isJson ? Console.error : Console.log
  const options: GatewayOptions = {
    host: input.host,
    port: Option.getOrElse(input.port, () => defaultPort),
    adminHost: input.adminHost,
    adminPort: Option.getOrElse(input.adminPort, () => defaultAdminPort),
    isPortFixed: Option.isSome(input.port),
    isAdminPortFixed: Option.isSome(input.adminPort),
    onAccess: (record) => {
      if (isLogging) log(formatAccess(record))
    }
  }
  const untilStopped = ({ listener }: Gateway) =>
    Effect.gen(function* () {
      yield* stopSignal
      const count = listener.activeCount()
      yield* Console.error(count === 0 ? "stopping" : `stopping when ${count} requests are finished; Ctrl-C stops now`)
    })
  const experiment = Effect.gen(function* () {
    const gateway = yield* runDemo({ gateway: options, isJson: input.isJson, say })
    if (input.isExiting) return
    yield* say(`try    curl -i -H 'Host: service-go' ${urlOf(gateway.listener)}env`)
    yield* say(`admin  ${urlOf(gateway.admin)}pools   ${urlOf(gateway.admin)}stats`)
    yield* say("serving until Ctrl-C")
    isLogging = !input.isQuiet
    yield* untilStopped(gateway)
  })
  const serving = (folder: string) =>
    Effect.gen(function* () {
      if (input.isExiting || input.isJson) {
        return yield* new FlagError({ message: "--exit and --json belong to the experiment, --config runs none" })
      }
      const { model, warnings } = yield* loadFolder(folder, { isLenient: input.isLenient })
      for (const warning of warnings) yield* Console.error(`warning: ${formatFinding(warning)}`)
      const gateway = yield* serve(model, options)
      for (const line of whereabouts(gateway, options)) yield* Console.error(line)
      yield* Console.error("serving until Ctrl-C")
      yield* untilStopped(gateway)
    })
  return Effect.scoped(
    Effect.gen(function* () {
      if (Option.isSome(input.config)) yield* serving(input.config.value)
      else yield* experiment
    })
  )
}).pipe(Command.withDescription("A reverse proxy that reads Istio YAML; without a folder it shows the pool at work"))

/** Writes lines for as long as somebody reads them. */
const accessLog = (stream: NodeJS.WriteStream): ((line: string) => void) => {
  let isRead = true
  stream.on("error", (error) => {
    if (isRead) process.stderr.write(`the access log ends here, since nobody reads it any more: ${error.message}\n`)
    isRead = false
  })
  return (line) => {
    if (isRead) stream.write(`${line}\n`)
  }
}

/** A wrong flag gets its error and the way to the help, not the whole help. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          [
            ...event.errors.map((error) => `weir-gateway: ${error.message}`),
            "weir-gateway --help lists the flags"
          ].join("\n")
        )
      : CliOutput.defaultPresenter.present(event)
}

/**
 * Runs one command line, once in a process. Succeeds with the status to exit with: 0 after a clean end, 1 when the
 * configuration or a port cannot be used, 2 for wrong flags.
 */
export const runCommandLine = (
  args: ReadonlyArray<string>
): Effect.Effect<number, never, Connector | Command.Environment> =>
  Command.runWith(command, { version: manifest.version })(args).pipe(
    Effect.as(0),
    Effect.catchTag(["ConfigError", "ListenError", "LoadError", "PoolConfigError"], (error) =>
      Effect.as(Console.error(`weir-gateway: ${error.message}`), 1)
    ),
    Effect.catchTag("FlagError", (error) => Effect.as(Console.error(`weir-gateway: ${error.message}`), 2)),
    // Already told by the presenter.
    Effect.catch(() => Effect.succeed(2)),
    // Standard output belongs to the table and the access log.
    Effect.provideService(References.LogToStderr, true),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }))
  )
