package org.iommu4j.upgrade;

import java.nio.file.Path;
import java.util.Map;
import org.iommu4j.contract.IommuModel;

/**
 * How a capture is made of an emulator's own trace.
 *
 * @param model whose trace it is; null to take the model most of whose events are in it
 * @param memory image of the guest's memory at the stop; null if there is none
 * @param base address of the image's first byte; an ELF core says it itself
 * @param stopLine lines of the trace that were written before the stop; negative if all were
 * @param console what the guest's kernel wrote, which may tell registers; null if there is none
 * @param registers values by name, which count whatever the trace says
 */
public record ImportOptions(
        IommuModel model, Path memory, long base, long stopLine, Path console, Map<String, Long> registers) {
    /** A trace alone, that ends with the stop. */
    public static final ImportOptions DEFAULT = new ImportOptions(null, null, 0, -1, null, Map.of());

    /** Copies the map. */
    public ImportOptions {
        registers = Map.copyOf(registers);
    }

    /** The same with an image of the memory. */
    public ImportOptions withMemory(Path image, long firstAddress) {
        return new ImportOptions(model, image, firstAddress, stopLine, console, registers);
    }

    /** The same, and the machine was stopped after that many lines. */
    public ImportOptions stoppedAfter(long lines) {
        return new ImportOptions(model, memory, base, lines, console, registers);
    }

    /** The same with what the guest's kernel wrote. */
    public ImportOptions withConsole(Path file) {
        return new ImportOptions(model, memory, base, stopLine, file, registers);
    }

    /** The same with values of registers. */
    public ImportOptions withRegisters(Map<String, Long> values) {
        return new ImportOptions(model, memory, base, stopLine, console, values);
    }

    /** The same for one model. */
    public ImportOptions of(IommuModel one) {
        return new ImportOptions(one, memory, base, stopLine, console, registers);
    }
}
