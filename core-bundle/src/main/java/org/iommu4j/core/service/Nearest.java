package org.iommu4j.core.service;

import java.util.Collection;
import java.util.Locale;

/** The known names that are nearest to a mistyped one. */
public final class Nearest {
    /** One letter in so many may be wrong. */
    private static final int LETTERS_FOR_A_MISTAKE = 3;

    private static final int LONGEST = 64;

    private Nearest() {}

    /**
     * A question to put behind a message about an unknown name.
     *
     * @param given what was written
     * @param known the names that there are
     * @return {@code "; did you mean 'name'?"}, or nothing if no name is near
     */
    public static String question(String given, Collection<String> known) {
        String name = of(given, known);
        return name.isEmpty() ? "" : "; did you mean '" + name + "'?";
    }

    /** The name that is nearest, without regard to the case of letters; empty if none is near. */
    public static String of(String given, Collection<String> known) {
        if (given.isEmpty() || given.length() > LONGEST) {
            return "";
        }
        String wanted = given.toLowerCase(Locale.ROOT);
        int least = Math.max(1, given.length() / LETTERS_FOR_A_MISTAKE) + 1;
        String nearest = "";
        for (String name : known) {
            if (Math.abs(name.length() - given.length()) < least) {
                int distance = distance(wanted, name.toLowerCase(Locale.ROOT));
                if (distance < least) {
                    least = distance;
                    nearest = name;
                }
            }
        }
        return nearest;
    }

    /** How many letters have to be put in, left out, changed, or exchanged with their neighbour. */
    private static int distance(String from, String to) {
        int[][] steps = new int[from.length() + 1][to.length() + 1];
        for (int i = 0; i <= from.length(); i++) {
            steps[i][0] = i;
        }
        for (int j = 0; j <= to.length(); j++) {
            steps[0][j] = j;
        }
        for (int i = 1; i <= from.length(); i++) {
            for (int j = 1; j <= to.length(); j++) {
                int change = from.charAt(i - 1) == to.charAt(j - 1) ? 0 : 1;
                int best = Math.min(steps[i - 1][j - 1] + change, Math.min(steps[i - 1][j], steps[i][j - 1]) + 1);
                boolean exchanged = i > 1
                        && j > 1
                        && from.charAt(i - 1) == to.charAt(j - 2)
                        && from.charAt(i - 2) == to.charAt(j - 1);
                steps[i][j] = exchanged ? Math.min(best, steps[i - 2][j - 2] + 1) : best;
            }
        }
        return steps[from.length()][to.length()];
    }
}
