/**
 * What is wrong with a configuration, one finding at a time, and the error that carries all of them.
 *
 * A configuration is read as a whole: every finding is collected, and one that is fatal leaves nothing applied.
 */
import { Data } from "effect"

/** The closed set of things that can be wrong. */
export type FindingReason =
  /** The folder or a file cannot be read. */
  | "Unreadable"
  /** The text is not YAML. */
  | "YamlSyntax"
  /** A document of a kind this gateway does not read. */
  | "UnknownKind"
  /** A field Istio does not have. */
  | "UnknownField"
  /** A field Istio has and this gateway does not honour. */
  | "Unsupported"
  /** A field is missing, has the wrong type, or breaks one of Istio's validation rules. */
  | "InvalidValue"
  /** A host, subset or port that nothing defines. */
  | "UnresolvedReference"
  /** Two definitions of what may be defined once. */
  | "Duplicate"
  /** Valid, and certainly not what was meant. */
  | "NoEffect"

/**
 * `error`: nothing is applied. `ignorable`: an error, unless the configuration is read leniently, which goes on without
 * the part and warns. `warning`: never in the way.
 */
export type FindingWeight = "error" | "ignorable" | "warning"

/** Keys and indices from the document's root. */
export type FieldPath = ReadonlyArray<string | number>

/** Where in the folder. Lines and columns count from 1; documents too, as `---` separates them. */
export interface Place {
  /** The path below the folder, with `/`. */
  readonly file: string
  readonly documentNumber?: number
  readonly line?: number
  readonly column?: number
}

export interface Finding {
  readonly reason: FindingReason
  readonly weight: FindingWeight
  readonly place: Place
  /** Empty: the whole document, or the file. */
  readonly path: FieldPath
  /** What is wrong and what to do: one clause, no full stop. */
  readonly message: string
}

/** The configuration was refused; `message` is the whole report. */
export class ConfigError extends Data.TaggedError("ConfigError")<{
  readonly findings: ReadonlyArray<Finding>
}> {
  override get message(): string {
    return formatReport(this.findings)
  }
}

/** `spec.http[0].match[1].headers["x-user"]`. */
export const formatPath = (path: FieldPath): string =>
  path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`
      if (!/^[A-Za-z_]\w*$/.test(step)) return `["${step}"]`
      return index === 0 ? step : `.${step}`
    })
    .join("")

/** `rules.yaml:14:9: document 2: spec.host: ...`: a form that editors and terminals link to the line. */
export const formatFinding = (finding: Finding): string => {
  const { file, line, column, documentNumber } = finding.place
  return [
    line === undefined ? file : `${file}:${line}:${column}`,
    ...(documentNumber === undefined ? [] : [`document ${documentNumber}`]),
    ...(finding.path.length === 0 ? [] : [formatPath(finding.path)]),
    finding.message
  ].join(": ")
}

const formatReport = (findings: ReadonlyArray<Finding>): string => {
  const errors = findings.filter((finding) => finding.weight !== "warning")
  const ignorableCount = errors.filter((finding) => finding.weight === "ignorable").length
  const lenience =
    ignorableCount === 0
      ? []
      : [`${ignorableCount} of these would be warnings with --lenient, and what they name would be left out`]
  return [
    `The configuration has ${errors.length === 1 ? "1 error" : `${errors.length} errors`}; nothing was applied.`,
    ...findings.map((finding) => `  ${finding.weight === "warning" ? "warning: " : ""}${formatFinding(finding)}`),
    ...lenience
  ].join("\n")
}
