package org.iommu4j.testbench;

/**
 * How far a run of the fuzzer is.
 *
 * @param cases that were run
 * @param steps that were carried out
 * @param compared accesses that were compared with the reference walker
 * @param shrinking runs that shrinking a failure has made; 0 as long as there is none
 */
public record FuzzProgress(long cases, long steps, long compared, int shrinking) {
    /** One line for people. */
    public String toLine() {
        return shrinking > 0
                ? "shrinking a failure of case " + (cases - 1) + ", run " + shrinking
                : cases + " cases, " + steps + " steps, " + compared + " accesses compared";
    }
}
