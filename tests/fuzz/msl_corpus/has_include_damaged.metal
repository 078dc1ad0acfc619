/edef§ned is not there
#
#if elsedefined(__has_include) || !À r