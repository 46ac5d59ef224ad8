package org.iommu4j.backend;

import java.util.List;
import java.util.random.RandomGenerator;
import org.iommu4j.contract.InvalidateRequest;
import org.iommu4j.layout.Layout;
import org.iommu4j.layout.Register;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Knowledge of a model that a fuzzer needs beyond layouts, registers, commands and calls: a little software that sets a chip
 * up, so that what is generated reaches deep, and a second opinion on translations.
 *
 * <p>All software works through the given port alone: its memory, registers and calls. The fuzzer writes down what goes
 * through the port, as steps of a case. All choices come from the given source of randomness, so that equal seeds set up
 * equal scenes; nothing is kept between calls.
 */
@ConsumerType
public interface FuzzSupport {
    /** A model that says nothing: what is generated comes from its layouts alone. */
    FuzzSupport NONE = new FuzzSupport() {};

    /**
     * A chip that {@link Backend#createHardware} makes, with some choice of capabilities. The fuzzer chooses the caches.
     *
     * @param subVersion a generation of the backend
     */
    default HardwareConfig config(int subVersion, RandomGenerator random) {
        return HardwareConfig.of(subVersion);
    }

    /**
     * Brings a bare chip up, from reset until it translates for some devices by tables in memory.
     *
     * @param config of the chip
     */
    default FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        return FuzzScene.EMPTY;
    }

    /**
     * Builds tables for the devices of a domain, where a driver stands in front of the chip: in memory only, the chip is the
     * driver's. Nothing is attached or bound yet.
     *
     * @param config of the chip
     */
    default FuzzScene prepare(HardwareConfig config, NativePort port, RandomGenerator random) {
        return FuzzScene.EMPTY;
    }

    /**
     * Gives one native command to a bare chip: puts it into the queue and rings the doorbell, wherever earlier software, which
     * may have been wild, has left the queue. Nothing for a model without a queue.
     *
     * @param command its bytes in memory order, which may make no sense
     */
    default void submit(FuzzScene scene, NativePort port, byte[] command) {
        // A model without a queue takes its commands as calls or register writes.
    }

    /**
     * Makes a bare chip forget everything that it has cached, devices' copies included, after clearing what errors wild
     * software has left behind. Tables and translation stay as they are.
     *
     * @return true if nothing from before can be in use any more
     */
    default boolean settle(FuzzScene scene, NativePort port) {
        return false;
    }

    /**
     * Brings devices back that a fault of theirs has stopped, as software of a bare chip does, and nothing else: what is cached
     * and registered stays. Nothing for a model where a fault stops nobody.
     */
    default void recover(FuzzScene scene, NativePort port) {
        // Faults are recorded, and the device goes on.
    }

    /**
     * Structures that may stand in the block of memory of a call's operand; empty if there is none to tell.
     *
     * @param operand of type {@link CallFormat.Type#MEMORY}
     */
    default List<Layout> blocks(CallFormat format, CallFormat.Operand operand) {
        return List.of();
    }

    /**
     * True if the outcome of a call says that it was refused and nothing was done.
     *
     * @param call with its results
     */
    default boolean refused(NativeCall call) {
        return false;
    }

    /**
     * True if reading a register changes nothing, so that it may be read to see what has changed.
     *
     * @param register one of the backend's
     */
    default boolean isReadFree(Register register) {
        return true;
    }

    /**
     * True if a call only asks, whatever it answers: what a model's own software asks is no step of a case, as what it reads is
     * none.
     *
     * @param function number of a call, one of the backend's or any other
     */
    default boolean isCallFree(int function) {
        return false;
    }

    /**
     * True if the machine shows that a driver could answer a request with {@code EIO} only, because of what the guest itself
     * has written into its tables or had its devices do. Every other {@code EIO} is a failure of the chip or of its driver.
     *
     * @param config of the chip
     * @param port to look at the machine with; may make calls that only ask, and may not change what a driver relies on
     */
    default boolean isGuestsFault(HardwareConfig config, NativePort port) {
        return false;
    }

    /**
     * As {@link #isGuestsFault(HardwareConfig, NativePort)}, where it is known what was asked.
     *
     * @param request the invalidation that was answered {@code EIO}; null if it was another request, or none that can be read
     */
    default boolean isGuestsFault(HardwareConfig config, NativePort port, InvalidateRequest request) {
        return isGuestsFault(config, port);
    }

    /**
     * A second opinion on translations, or null if the model has none.
     *
     * @param config of the chip
     * @param port memory and registers, to be read
     * @param driver true if a driver stands in front of the chip
     */
    default ReferenceWalker referenceWalker(HardwareConfig config, NativePort port, boolean driver) {
        return null;
    }
}
