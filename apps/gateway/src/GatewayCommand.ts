/**
 * The gateway's command line.
 */
import type { Connector } from "@weir/transport"
import { Console, Effect, Option } from "effect"
import { CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { formatFinding } from "./config/Finding.ts"
import { loadFolder } from "./config/loadFolder.ts"
import { runDemo, urlOf } from "./demo/Demo.ts"
import { type GatewayOptions, serve } from "./Gateway.ts"

const defaultPort = 8080
const defaultAdminPort = 8081

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
  host: Flag.String("host").pipe(Flag.withDescription("The address to listen on"), Flag.withDefault("127.0.0.1")),
  port: Flag.Int("port").pipe(
    Flag.withDescription(`The port for requests; where not given, ${defaultPort} or the next free one`),
    Flag.optional
  ),
  adminPort: Flag.Int("admin-port").pipe(
    Flag.withDescription(`The port for /stats and /pools; where not given, ${defaultAdminPort} or the next free one`),
    Flag.optional
  ),
  isQuiet: Flag.Boolean("quiet").pipe(Flag.withDescription("No access log"), Flag.withDefault(false)),
  isExiting: Flag.Boolean("exit").pipe(Flag.withDescription("Leave after the table"), Flag.withDefault(false)),
  isJson: Flag.Boolean("json").pipe(
    Flag.withDescription("Print the table as JSON, and nothing else, on stdout"),
    Flag.withDefault(false)
  )
}

/** Signals this close together are one wish: npm forwards the Ctrl-C that the terminal has sent already. */
const sameWishSeconds = 0.5

/** Ctrl-C or SIGTERM: accepted requests finish. Asked again, the process ends at once. */
const stopped = Effect.callback<void>((resume) => {
  let firstSeconds: number | undefined
  const onSignal = () => {
    firstSeconds ??= process.uptime()
    if (process.uptime() - firstSeconds > sameWishSeconds) process.exit(130)
    resume(Effect.void)
  }
  process.on("SIGINT", onSignal)
  process.on("SIGTERM", onSignal)
})

const command = Command.make("weir-gateway", flags, (input) => {
  // The access log belongs to serving; during the loads it would bury the table.
  let isLogging = Option.isSome(input.config) && !input.isQuiet
  const say = input.isJson ? Console.error : Console.log
  const gateway: GatewayOptions = {
    host: input.host,
    port: Option.getOrElse(input.port, () => defaultPort),
    adminPort: Option.getOrElse(input.adminPort, () => defaultAdminPort),
    isPortFixed: Option.isSome(input.port),
    isAdminPortFixed: Option.isSome(input.adminPort),
    onAccess: (line) => {
      if (isLogging) (input.isJson ? process.stderr : process.stdout).write(`${line}\n`)
    }
  }
  const experiment = Effect.gen(function* () {
    const { admin, listener } = yield* runDemo({ gateway, isJson: input.isJson, say })
    if (input.isExiting) return
    yield* say(`try    curl -i -H 'Host: service-go' ${urlOf(listener)}env`)
    yield* say(`admin  ${urlOf(admin)}pools   ${urlOf(admin)}stats`)
    yield* say("serving until Ctrl-C")
    isLogging = !input.isQuiet
    yield* stopped
  })
  const serving = (folder: string) =>
    Effect.gen(function* () {
      const { model, warnings } = yield* loadFolder(folder, { isLenient: input.isLenient })
      for (const warning of warnings) yield* Console.error(`warning: ${formatFinding(warning)}`)
      const { admin, listener } = yield* serve(model, gateway)
      yield* Console.error(`gateway ${urlOf(listener)}  admin ${urlOf(admin)}  serving until Ctrl-C`)
      yield* stopped
    })
  return Effect.scoped(Option.isSome(input.config) ? serving(input.config.value) : experiment)
}).pipe(Command.withDescription("A reverse proxy that reads Istio YAML; without a folder it shows the pool at work"))

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
 * Runs one command line. Succeeds with the status to exit with: 0 after a clean end, 1 when the configuration or a port
 * cannot be used, 2 for wrong flags.
 */
export const runCommandLine = (
  args: ReadonlyArray<string>
): Effect.Effect<number, never, Connector | Command.Environment> =>
  Command.runWith(command, { version: manifest.version })(args).pipe(
    Effect.as(0),
    Effect.catchTag(["ConfigError", "ListenError", "LoadError", "PoolConfigError"], (error) =>
      Effect.as(Console.error(`weir-gateway: ${error.message}`), 1)
    ),
    // Already told by the presenter.
    Effect.catch(() => Effect.succeed(2)),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }))
  )
