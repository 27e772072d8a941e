/**
 * Holds a document against its schema's keys: what Istio does not have, what this gateway does not honour.
 *
 * The schema is the only list of keys; the nearest known one is looked for among them.
 */
import { didYouMean } from "@weir/core"
import type { SchemaAST } from "effect"
import type { FieldPath, FindingReason, FindingWeight } from "./Finding.ts"
import { isCondition, nonEmptyRuleOf, supportCheckOf, unhonoured } from "./istio/Support.ts"

export interface FieldFinding {
  readonly reason: FindingReason
  readonly weight: FindingWeight
  readonly path: FieldPath
  readonly message: string
}

/**
 * The value without what the schema does not honour, and without nulls, which are unset fields to protobuf. A condition
 * that something was left out of is marked (see `Support.ts`).
 */
export const siftFields = (
  ast: SchemaAST.AST,
  value: unknown
): { readonly value: unknown; readonly findings: ReadonlyArray<FieldFinding> } => {
  const findings: Array<FieldFinding> = []
  return { value: sift(ast, value, [], findings), findings }
}

const sift = (ast: SchemaAST.AST, value: unknown, path: FieldPath, findings: Array<FieldFinding>): unknown => {
  if (ast._tag === "Arrays" && Array.isArray(value)) {
    const item = ast.rest[0]
    return item === undefined ? value : value.map((entry, index) => sift(item, entry, [...path, index], findings))
  }
  if (ast._tag !== "Objects" || !isMapping(value)) return value
  const entryType = ast.indexSignatures[0]?.type
  return entryType === undefined
    ? siftStruct(ast, value, path, findings)
    : Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, sift(entryType, entry, [...path, key], findings)])
      )
}

const siftStruct = (
  ast: SchemaAST.Objects,
  value: Mapping,
  path: FieldPath,
  findings: Array<FieldFinding>
): Mapping => {
  const types = new Map(ast.propertySignatures.map(({ name, type }) => [String(name), type]))
  const isMatch = isCondition(ast)
  const lenience = isMatch ? "to leave this match entry out" : "to go on without it"
  const kept: Array<readonly [string, unknown]> = []
  let isHonoured = true
  for (const [key, field] of Object.entries(value)) {
    const type = types.get(key)
    const fieldPath = [...path, key]
    if (type === undefined) {
      const message = `unknown field${didYouMean(key, types.keys())}`
      findings.push({ reason: "UnknownField", weight: "ignorable", path: fieldPath, message })
      isHonoured = false
      continue
    }
    if (field === null) continue
    const why = supportCheckOf(type)?.(field)
    if (why !== undefined) {
      const message = `known to Istio, not supported here: ${why}; remove it, or run with --lenient ${lenience}`
      findings.push({ reason: "Unsupported", weight: "ignorable", path: fieldPath, message })
      isHonoured = false
      continue
    }
    kept.push([key, sift(type, field, fieldPath, findings)])
  }
  const rule = nonEmptyRuleOf(ast)
  if (
    rule !== undefined &&
    !Object.entries(value).some(([key, field]) => field !== null && !rule.apartFrom.includes(key))
  ) {
    findings.push({ reason: "InvalidValue", weight: "error", path, message: rule.message })
  }
  const honoured = Object.fromEntries(kept)
  return isMatch && !isHonoured ? { ...honoured, [unhonoured]: true } : honoured
}

export type Mapping = { readonly [key: string]: unknown }

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === "object" && value !== null && !Array.isArray(value)
