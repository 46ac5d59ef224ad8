package org.iommu4j.json;

/**
 * What a reader accepts of one text, so that no text takes more than a known multiple of its own size in memory.
 *
 * @param depth deepest nesting of objects and lists
 * @param stringLength longest string in characters
 * @param keys most keys of the outermost object
 * @param elements most elements of a list, and most keys of an object inside of another value
 * @param values most values altogether
 */
public record JsonBounds(int depth, int stringLength, int keys, int elements, int values) {
    /** Most values where nothing smaller is said: each takes many times the memory of its text. */
    public static final int MAX_VALUES = 1 << 17;
}
