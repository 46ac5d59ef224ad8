package org.iommu4j.core.service;

import java.util.Iterator;
import java.util.function.Consumer;
import org.iommu4j.contract.Abi;
import org.iommu4j.contract.IommuModel;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Decodes bytes to their fields: an OSGi service beside {@link IommuService}. Whatever the bytes are, the answer is an
 * {@link Explanation}; one that could not be made says why. All methods may be called from any thread.
 */
@ProviderType
public interface ExplainService {
    /** In place of a {@code sub_version}: whatever the newest generation knows; of a request: its own. */
    int ANY = -1;

    /**
     * A structure, command, record or register as it lies in memory.
     *
     * @param model whose formats
     * @param format name of a layout, command or register, in any case of letters; empty to find it from opcode and size
     * @param subVersion the generation that reads the bytes, or {@link #ANY}
     * @param bytes in memory order
     */
    Explanation bytes(IommuModel model, String format, int subVersion, byte[] bytes);

    /**
     * As {@link #bytes}, from the values of the 64-bit words, the one at the lowest address first; a shorter structure or register is
     * one word. With the name of a hypercall, RTAS call or instruction the words are its arguments or registers in order.
     */
    Explanation words(IommuModel model, String format, int subVersion, long... words);

    /**
     * The value of a register.
     *
     * @param register name in any case of letters, or offset in bytes as {@code 0x8}
     */
    Explanation register(IommuModel model, String register, int subVersion, long value);

    /**
     * A request of the contract with the vendor part in it, and the rule that refuses it.
     *
     * @param abi the image in which it is written
     * @param model the container's model; null for the one that the request names
     * @param subVersion the generation that the client agreed on, or {@link #ANY} for the one that the request names
     * @param bytes the argument from {@code argsz} on; the client's readable memory ends with them
     */
    Explanation request(Abi abi, IommuModel model, int subVersion, byte[] bytes);

    /** The saved state of a chip, a driver or a virtual IOMMU: header, sections, checksum. */
    Explanation snapshot(byte[] bytes);

    /**
     * The entries of a ring or a table, one explanation each in order; zero entries in a row have one without parts. If the
     * bytes cannot be taken apart there is one that says why.
     *
     * @param format name of a layout or command; empty for a ring of commands, each found by its opcode
     * @param bytes in memory order, a whole number of entries
     * @param found takes them, in the caller's thread
     */
    void entries(IommuModel model, String format, int subVersion, byte[] bytes, Consumer<Explanation> found);

    /** As {@link #entries(IommuModel, String, int, byte[], Consumer)}, from the values of the 64-bit words. */
    void entries(IommuModel model, String format, int subVersion, long[] words, Consumer<Explanation> found);

    /**
     * What the lines of an operating system's log tell of the models' structures, one explanation each in order of the lines.
     *
     * @param model whose lines; null for those of every installed model
     * @param lines without their ends
     * @param found takes them, in the caller's thread
     */
    void log(IommuModel model, int subVersion, Iterator<String> lines, Consumer<Explanation> found);
}
