package org.iommu4j.core.service;

/** How far work is: told by the thread that does it, seen by the one that waits for it. */
public final class Progress {
    private volatile int step = -1;
    private volatile String op = "";
    private volatile long begun;

    /**
     * A step begins.
     *
     * @param index of the step, from 0
     * @param name what it is
     */
    public void begin(int index, String name) {
        step = index;
        op = name;
        again();
    }

    /** A part of a step begins: a round, a page. */
    public void again() {
        // Only the thread that does the work writes.
        long next = begun + 1;
        begun = next;
    }

    /** Index of the step; -1 before the first. */
    public int step() {
        return step;
    }

    /** Name of the step; empty before the first. */
    public String op() {
        return op;
    }

    /** Changes whenever something begins. */
    public long begun() {
        return begun;
    }
}
