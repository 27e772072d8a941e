/**
 * Reads arguments as fortio's users type them. Go's flags are long with one dash, `-qps 100`, where the command line of
 * `effect/cli` reads five short flags; and Go's durations are `1m30s`.
 */
import { Option } from "effect"

/** The flags that take a value, as fortio names them: all that a dash or two may stand before. */
const valueFlags: ReadonlySet<string> = new Set(["c", "n", "t", "H", "X", "qps", "loglevel", "payload", "timeout"])

/**
 * `-qps 5`, `-qps=5` and `--qps 5` become `--qps=5`, `-c 5` becomes `-c=5`, with a value that may begin with a dash, as
 * in Go; all else stays.
 */
export const normaliseArguments = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  const normalised: Array<string> = []
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? ""
    if (argument === "--") return [...normalised, ...args.slice(index)]
    const [, name = "", value] = /^--?([A-Za-z]+)(?:=(.*))?$/s.exec(argument) ?? []
    const dashes = name.length === 1 ? "-" : "--"
    if (valueFlags.has(name)) {
      const given = value ?? args[++index]
      normalised.push(given === undefined ? `${dashes}${name}` : `${dashes}${name}=${given}`)
    } else {
      normalised.push(name === "json" ? argument.replace(/^-+/, dashes) : argument)
    }
  }
  return normalised
}

const unitMillis: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3,
  ns: 1e-6
}

/** `5s`, `1m30s`, `0.5h`, and fortio's `1d4h`, in milliseconds; `0` needs no unit. None: not a duration. */
export const parseDurationMillis = (text: string): Option.Option<number> => {
  if (text === "0") return Option.some(0)
  if (!/^(?:\d+(?:\.\d+)?(?:d|h|ms|m|s|us|µs|ns))+$/.test(text)) return Option.none()
  let millis = 0
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) {
    millis += Number(amount) * (unitMillis[unit ?? ""] ?? 0)
  }
  return Option.some(millis)
}
