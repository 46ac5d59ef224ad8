package org.iommu4j.core.service;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * How a text that came from outside (a name, a value, what an exception says) is shown: on one line, of bounded length, and
 * without characters that a terminal would act on.
 */
public final class OneLine {
    /** Longest message in characters. */
    public static final int MAX_MESSAGE = 2000;

    /** Longest name or value within a message, in characters. */
    public static final int MAX_NAME = 120;

    /** How much of a text that is cut is shown from its end, as a part of the whole: 1/4. */
    private static final int END_SHARE = 4;

    /** Room for the mark in place of what is left out. */
    private static final int MARK = 40;

    /** A package that a bundle requires, OSGi Core 3.3.6 and 7.2, as a filter has it. */
    private static final Pattern PACKAGE = Pattern.compile(
            "osgi\\.wiring\\.package=([\\w.]+)\\)(?:\\(version>=([\\w.]+)\\))?(?:\\(!\\(version>=([\\w.]+)\\)\\))?");

    private OneLine() {}

    /** A message: at most {@link #MAX_MESSAGE} characters. */
    public static String message(String text) {
        return of(text, MAX_MESSAGE);
    }

    /** A name or value within a message: at most {@link #MAX_NAME} characters. */
    public static String name(String text) {
        return of(text, MAX_NAME);
    }

    /**
     * What is wrong with a file, in words and without its name. The exceptions of the file system have the name of the file as
     * their message, and mostly no reason beside it.
     */
    public static String reason(IOException failure) {
        if (!(failure instanceof FileSystemException known)) {
            String text = failure.getMessage();
            return text == null || text.isBlank() ? failure.getClass().getSimpleName() : message(text);
        }
        if (known instanceof NoSuchFileException) {
            return "no such file";
        }
        if (known instanceof AccessDeniedException) {
            return "permission denied";
        }
        if (known instanceof FileAlreadyExistsException) {
            return "is there already";
        }
        if (known instanceof NotDirectoryException) {
            return "is not a directory";
        }
        if (known instanceof DirectoryNotEmptyException) {
            return "is a directory that is not empty";
        }
        return known.getReason() == null ? known.getClass().getSimpleName() : message(known.getReason());
    }

    /**
     * What an OSGi framework says about a bundle that it does not take, in words: of packages that nobody provides their names and
     * versions.
     */
    public static String unresolved(String text) {
        Set<String> packages = new LinkedHashSet<>();
        PACKAGE.matcher(text)
                .results()
                .forEach(found -> packages.add(found.group(1)
                        + (found.group(2) == null ? "" : " from version " + found.group(2) + " on")
                        + (found.group(3) == null ? "" : " and below " + found.group(3))));
        return packages.isEmpty() ? message(text) : "nothing here provides " + String.join(", ", packages);
    }

    /**
     * A text of at most {@code max} characters. Line breaks with the blanks around them are one blank; other characters that do
     * not stand for themselves (control, format, half a pair) are written as in Java, as {@code \\u001b}. Of what is longer
     * the beginning and the end are there, and a mark tells how much is not.
     */
    private static String of(String text, int max) {
        // A character becomes six at most; text beyond what can be shown is not looked at.
        String some = text.length() <= max ? text : cut(text, max);
        String line = visible(some.strip().replaceAll("\\s*\\R\\s*", " "));
        return line.length() <= max ? line : cut(line, max);
    }

    private static String cut(String text, int max) {
        int end = max / END_SHARE;
        int begin = max - MARK - end;
        return text.substring(0, begin) + "... (" + (text.length() - begin - end) + " characters) ..."
                + text.substring(text.length() - end);
    }

    private static String visible(String text) {
        StringBuilder line = new StringBuilder(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean pair = Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1));
            if (pair) {
                line.append(c).append(text.charAt(++i));
            } else if (isSilent(c)) {
                line.append(String.format("\\u%04x", (int) c));
            } else {
                line.append(c);
            }
        }
        return line.toString();
    }

    private static boolean isSilent(char c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR,
                    Character.UNASSIGNED -> true;
            default -> false;
        };
    }
}
