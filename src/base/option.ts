/**
 * An option as a row of data: what it means, what it may be, what it is if nobody says, and why.
 *
 * Each room keeps a table of such rows in its `options.ts`, one row for each member of its settings: the compiler
 * sees to it that none is missing and that a default has the type of its setting. Everything else is read off the
 * tables by `config/`: flags, environment names, checks, error texts, help and `docs/configuration.md`.
 */

interface Row {
  /** What it does, as one sentence for an operator. */
  readonly about: string
  /** Why the default is what it is. */
  readonly why: string
  /**
   * Its flag on the command line, without dashes; an option without one is set through the environment. A switch that
   * is on unless somebody says otherwise has a flag that begins with `no-`.
   */
  readonly flag?: string
  readonly short?: string
  /** Its place in a file of settings, as `limits.queue.max`; `<module>.<key>` if none is given. Its variable is named after it. */
  readonly path?: string
  /** A well-known environment name; every option also has one of its own (`MCPLEX_LIMITS__QUEUE__MAX`). */
  readonly env?: string
}

/** A default that is worked out when the settings are put together; `text` says how, for people. */
export interface Derived {
  readonly derived: string
}

/** A whole number: a count, a time in milliseconds or a size in bytes. */
export interface NumberOption extends Row {
  readonly kind: 'count' | 'duration' | 'bytes'
  readonly default: number | Derived
  readonly min: number
  readonly max: number
  /** A word that stands for the derived default. */
  readonly word?: string
  /** The switch of the same table that an exclamation mark behind the value sets. */
  readonly marked?: string
}

export interface SwitchOption extends Row {
  readonly kind: 'switch'
  readonly default: boolean
}

export interface ChoiceOption<Choice extends string> extends Row {
  readonly kind: 'choice'
  readonly choices: readonly Choice[]
  readonly default: Choice | Derived
}

/** What a text must look like. */
export interface Shape {
  /** For people, with an example. */
  readonly accepted: string
  test(text: string): boolean
}

export interface TextOption extends Row {
  readonly kind: 'text'
  readonly default: string | Derived
  readonly shape: Shape
}

/** Several texts: a flag that may be repeated, a comma-separated list in the environment. */
export interface ListOption extends Row {
  readonly kind: 'list'
  readonly default: readonly string[]
  readonly shape: Shape
}

/** Something that only the command line or a program can give, never one environment variable. */
export interface GivenOption extends Row {
  readonly kind: 'given'
  readonly default: Derived
}

export type Option = NumberOption | SwitchOption | ChoiceOption<string> | TextOption | ListOption | GivenOption

type OptionFor<Value> = [Value] extends [number]
  ? NumberOption
  : [Value] extends [boolean]
    ? SwitchOption
    : [Value] extends [string]
      ? string extends Value
        ? TextOption | GivenOption
        : ChoiceOption<Value>
      : [Value] extends [readonly string[]]
        ? ListOption | GivenOption
        : [Value] extends [string | undefined]
          ? string extends Value
            ? TextOption
            : ChoiceOption<Extract<Value, string>>
          : GivenOption

/** One row for each member of a room's settings. */
export type OptionTable<Settings> = { readonly [Key in keyof Settings]-?: OptionFor<Settings[Key]> }
