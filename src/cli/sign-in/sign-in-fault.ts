/** Why a sign-in has failed, for people: what happened and the ways out. */
export class SignInFault extends Error {
  readonly code: 'sign_in' | 'sign_in_file'
  readonly notes: ReadonlyArray<readonly [label: string, text: string]>

  constructor(code: SignInFault['code'], message: string, notes: SignInFault['notes'] = []) {
    super(message)
    this.name = 'SignInFault'
    this.code = code
    this.notes = notes
  }
}
