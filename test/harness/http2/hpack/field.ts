/** A field as it travels: text of one character a byte (latin1). */
export type Field = readonly [name: string, value: string];
