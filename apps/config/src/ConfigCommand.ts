/**
 * The command line: whose configuration a file is, what it means here, in the words of another system, and what two of
 * them differ in.
 */
import {
  type Dialect,
  type DialectOptions,
  detect,
  dialectOf,
  dialects,
  type Reading,
  toPlain,
  translate
} from "@weir/dialects"
import { Console, Data, Effect, FileSystem, Option, Result } from "effect"
import { Argument, CliConfig, CliOutput, Command, Flag, GlobalFlag } from "effect/cli"
import manifest from "../package.json" with { type: "json" }
import { differences, formatDifferences, formatReading, section, shownValue } from "./ConfigTable.ts"

/** Nothing could be shown, and why. */
class Refused extends Data.TaggedError("Refused")<{ readonly status: 1 | 2; readonly report: string }> {}

const ids = dialects.map(({ spec }) => spec.id).join(", ")

const flags = {
  from: Flag.String("from").pipe(
    Flag.withMetavar("system"),
    Flag.withDescription(`Whose configuration it is: ${ids}. Found out where it is not given`),
    Flag.optional
  ),
  to: Flag.String("to").pipe(
    Flag.withMetavar("system"),
    Flag.withDescription("Print it in the words of this system, or of weir"),
    Flag.optional
  ),
  isCheck: Flag.Boolean("check").pipe(
    Flag.withDescription("For CI: print what is wrong or not carried over, and leave with 1 if anything is"),
    Flag.withDefault(false)
  ),
  isDiff: Flag.Boolean("diff").pipe(
    Flag.withDescription("Print what two files differ in, and leave with 1 if in anything"),
    Flag.withDefault(false)
  ),
  hasAbsent: Flag.Boolean("all").pipe(
    Flag.withDescription("Show what the system has no setting for, too"),
    Flag.withDefault(false)
  ),
  isJson: Flag.Boolean("json").pipe(Flag.withDescription("Print the reading as JSON"), Flag.withDefault(false)),
  version: Flag.String("as-of").pipe(
    Flag.withMetavar("version"),
    Flag.withDescription("The version of the system whose defaults hold"),
    Flag.optional
  ),
  subset: Flag.String("subset").pipe(Flag.withDescription("Istio: the subset that calls go to"), Flag.optional),
  cluster: Flag.String("cluster").pipe(
    Flag.withDescription("Envoy: the cluster to read, where there are several"),
    Flag.optional
  ),
  profiles: Flag.String("profile").pipe(
    Flag.withDescription("Spring: an active profile; may be given more than once"),
    Flag.atLeast(0)
  ),
  processorCount: Flag.Int("processors").pipe(
    Flag.withDescription("reactor-netty: processors of its machine, 8 where not given"),
    Flag.optional
  ),
  files: Argument.String("file").pipe(
    Argument.withDescription("The file to read; two with --diff"),
    Argument.atLeast(1)
  )
}

const command = Command.make("weir-config", flags, (input) =>
  Effect.gen(function* () {
    const options: DialectOptions = {
      ...(Option.isSome(input.version) ? { version: input.version.value } : {}),
      ...(Option.isSome(input.subset) ? { subset: input.subset.value } : {}),
      ...(Option.isSome(input.cluster) ? { cluster: input.cluster.value } : {}),
      ...(Option.isSome(input.processorCount) ? { processorCount: input.processorCount.value } : {}),
      profiles: input.profiles
    }
    const from = Option.getOrUndefined(input.from)
    const [first = "", second] = input.files
    if (input.isDiff !== (input.files.length === 2) || input.files.length > 2) {
      return yield* new Refused({ status: 2, report: "expected one file, or two with --diff" })
    }
    const { dialect, reading } = yield* read(first, from, options)
    if (second !== undefined) return yield* diff(reading, (yield* read(second, from, options)).reading, first, second)
    if (input.isCheck) return yield* check(first, reading)
    if (Option.isSome(input.to)) return yield* print(reading, input.to.value)
    yield* Console.log(
      input.isJson
        ? JSON.stringify(reading, undefined, 2)
        : formatReading(reading, dialect.spec.title, { hasAbsent: input.hasAbsent })
    )
  })
).pipe(
  Command.withDescription("Shows what the pool settings of another system mean here, and where each value came from")
)

const read = Effect.fnUntraced(function* (file: string, from: string | undefined, options: DialectOptions) {
  const files = yield* FileSystem.FileSystem
  const text = yield* Effect.mapError(
    files.readFileString(file),
    (error) => new Refused({ status: 2, report: `${file} cannot be read: ${error.message}` })
  )
  const dialect = yield* choose(text, file, from)
  const reading = dialect.read(text, { ...options, file })
  if (Result.isFailure(reading)) return yield* new Refused({ status: 1, report: reading.failure.message })
  return { dialect, reading: reading.success }
})

const choose = (text: string, file: string, from: string | undefined): Effect.Effect<Dialect, Refused> => {
  const say = `say whose it is with --from: ${ids}`
  if (from !== undefined) {
    const dialect = dialectOf(from)
    return dialect === undefined
      ? Effect.fail(new Refused({ status: 2, report: `--from ${from}: not known; there are ${ids}` }))
      : Effect.succeed(dialect)
  }
  const [best, next] = detect(text, file)
  const refuse = (why: string) => Effect.fail(new Refused({ status: 2, report: `${file}: ${why}; ${say}` }))
  if (best === undefined) return refuse("nothing in it tells whose configuration it is")
  if (next === undefined) return Effect.succeed(best.dialect)
  const [id, other] = [best.dialect.spec.id, next.dialect.spec.id]
  if (best.nameCount === next.nameCount) return refuse(`it may be of ${id} or of ${other}`)
  return Effect.as(
    Console.error(`${file}: read as ${id}; it has keys of ${other} too, which --from ${other} reads`),
    best.dialect
  )
}

const check = (file: string, { dialect, unmapped }: Reading): Effect.Effect<void, Refused> => {
  if (unmapped.length === 0) return Console.log(`${file}: everything in it (${dialect}) is carried over`)
  const lines = unmapped.map(({ key, source, todo, why }) => `  ${source === "" ? key : source}: ${why}; ${todo}`)
  const count = unmapped.length === 1 ? "1 value is" : `${unmapped.length} values are`
  return Effect.fail(new Refused({ status: 1, report: [`${file}: ${count} not carried over`, ...lines].join("\n") }))
}

const diff = (a: Reading, b: Reading, first: string, second: string): Effect.Effect<void, Refused> => {
  const rows = differences(a, b)
  const text = formatDifferences(rows, [first, second])
  return Effect.andThen(
    Console.log(text),
    rows.length === 0 ? Effect.void : Effect.fail(new Refused({ status: 1, report: "" }))
  )
}

/** The translation on stdout, and what it lost on stderr. */
const print = (reading: Reading, to: string): Effect.Effect<void, Refused> => {
  if (to === "weir") return Console.log(JSON.stringify(toPlain(reading), undefined, 2))
  const dialect = dialectOf(to)
  if (dialect === undefined)
    return Effect.fail(new Refused({ status: 2, report: `--to ${to}: not known; there are weir, ${ids}` }))
  const { losses, text } = translate(reading, dialect)
  const lines = [
    ...losses
      .filter(({ entry }) => entry.kind !== "absent")
      .map(({ entry: { knob, match, source, value }, instead }) => {
        const there = instead === undefined ? "it says nothing of it" : `there it is ${shownValue(knob, instead)}`
        return `${knob} ${shownValue(knob, value)}${match === "*" ? "" : ` for ${match}`} (${source}): ${there}`
      }),
    ...reading.unmapped.map(({ source, why }) => `${source}: ${why}`)
  ]
  const report = section(`Lost on the way to ${dialect.spec.title}`, lines).join("\n")
  return Effect.andThen(Console.log(text.trimEnd()), report === "" ? Effect.void : Console.error(report))
}

/** A wrong flag gets its error and the way to the help, not the whole help. */
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error(
          [...event.errors.map((error) => `weir-config: ${error.message}`), "weir-config --help lists the flags"].join(
            "\n"
          )
        )
      : CliOutput.defaultPresenter.present(event)
}

/**
 * Runs one command line. Succeeds with the status to exit with: 0 when all is well; 1 when the configuration cannot be
 * used, something of it is not carried over (`--check`), or two differ (`--diff`); 2 when the command line is wrong.
 */
export const runCommandLine = (args: ReadonlyArray<string>): Effect.Effect<number, never, Command.Environment> =>
  Command.runWith(command, { version: manifest.version })(args).pipe(
    Effect.as(0),
    Effect.catchTag("Refused", ({ report, status }) =>
      Effect.as(report === "" ? Effect.void : Console.error(report), status)
    ),
    // Already told by the presenter.
    Effect.catch(() => Effect.succeed(2)),
    Effect.provideService(CliOutput.Presenter, presenter),
    Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }))
  )
