/**
 * How a schema says which of Istio's fields this gateway honours, so that the schemas are the only list of known keys.
 *
 * A key of a struct is honoured unless its schema carries one of the marks below; a key no struct has is unknown.
 */
import { Schema, SchemaAST } from "effect"

/** Why this value of the field cannot be honoured, and what to do; undefined when it can. */
export type SupportCheck = (value: unknown) => string | undefined

const supportMark = "@weir/gateway/support"
const nonEmptyMark = "@weir/gateway/nonEmpty"

/** A field Istio has and this gateway does not honour. `why` is a clause. */
export const unsupported = (why: string) => Schema.optionalKey(Schema.Unknown.annotate({ [supportMark]: () => why }))

/** A field that changes nothing at a gateway, whatever it holds: it is accepted, not validated. */
export const informational = Schema.optionalKey(Schema.Unknown)

/** Annotates a field of which only some values are honoured. */
export const supportedWhen = (check: SupportCheck) => ({ [supportMark]: check })

/** Set in a condition from which something had to be left out. */
export const unhonoured: unique symbol = Symbol("@weir/gateway/unhonoured")

/**
 * Spread into a struct that restricts what a rule applies to. What cannot be honoured in it leaves the mark behind, so
 * that nobody takes the rest for the whole: a rule without one of its conditions would apply to more than its author
 * wrote.
 */
export const condition = { [unhonoured]: Schema.optionalKey(Schema.Literal(true)) }

export interface NonEmptyRule {
  readonly message: string
  /** Keys that do not count. */
  readonly apartFrom: ReadonlyArray<string>
}

/** Annotates a struct that Istio refuses when it is empty. What is not supported counts: it was written. */
export const nonEmpty = (message: string, ...apartFrom: ReadonlyArray<string>) => ({
  [nonEmptyMark]: { message, apartFrom } satisfies NonEmptyRule
})

export const supportCheckOf: (ast: SchemaAST.AST) => SupportCheck | undefined = SchemaAST.resolveAt(supportMark)

export const isCondition = (ast: SchemaAST.Objects): boolean =>
  ast.propertySignatures.some(({ name }) => name === unhonoured)

export const nonEmptyRuleOf: (ast: SchemaAST.AST) => NonEmptyRule | undefined = SchemaAST.resolveAt(nonEmptyMark)
