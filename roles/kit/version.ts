/** The version of the program, shown by --version and told in every health reply. */
export const version = "0.1.0";
